/* Shared by the parts of wsload: the connections, the options, and the counts. */
#ifndef WSLOAD_H
#define WSLOAD_H
#include "load.h"

enum { UNBORN, CONNECTING, UPGRADING, OPEN, CLOSED };

typedef struct {
    int fd, state, ready;
    char *path, *chat, *frames;      /* parts of the plan's line; frames TAB separated or NULL */
    unsigned char *rest;             /* an incomplete frame, kept until the next read */
    uint32_t rest_len, rest_room;
    uint64_t born, last;             /* last counter seen; 0: none yet */
    uint64_t again;                  /* when it redials; 0: never */
    int tries;                       /* failed since it was disconnected */
} connection;

extern struct options {
    const char *host, *protocol, *header, *ready, *marker, *counter;
    int ports[64], port_count, per_address, handshakes, engineio, stuck;
} opt;
extern size_t marker_len, counter_len, ready_len;

extern struct counts {
    uint64_t since, frames, deliveries, bytes, payload, lost, swapped, other;
    uint64_t sends, answered, refused, unsent;
    histogram latency, answer;
} seen;                              /* since the last reset */
extern uint64_t total, total_answered;   /* since the start, not reset */

extern connection *conns, **senders;
extern int conn_count, sender_count, alive, ready, failed, in_handshake, closed, close_codes[5000];
extern char first_failure[400];
extern window *shared;

/* wsload_send.c */
int write_frame(connection *c, int opcode, const char *text, size_t n);
uint64_t send_due(void);             /* sends what is due; the ns until the next one is */
void start_sending(int at_a_rate, double number, int size);
void stop_sending(void);
int is_sending(void);                /* or has been sending */
int take_answer(const char *line, size_t n, uint64_t t);

/* wsload.c */
void set_ports(char *list);
void give_birth(connection *c);

/* wsload_return.c */
void dial_again(void);               /* all that are closed */
void give_rebirths(void);            /* to those that are due */
int is_returning(const connection *c);
void returned(connection *c);
void stayed_away(connection *c);

/* wsload_receive.c */
void stop_reading(connection *c);
void readable(connection *c);
void drop(connection *c, const char *why, int n);
#endif
