/* redispub: publishes chat events to Redis or Valkey channels, in the envelope that
 * each server expects, so that the server under test is the only relay.
 *
 * Two modes:
 *   --rate N [--burst B]   open loop: N messages/s, B at a time; each has its due time, so
 *                          a late publisher shows as latency
 *   --window K --fanout F --shm FILE
 *                          as fast as possible with K messages in flight; a message counts
 *                          as arrived when wsload has counted F deliveries for it.  All
 *                          that the window allows is sent in one write; it is refilled when
 *                          a quarter of it is free.
 * Message i goes to room i mod ROOMS and is number i / ROOMS + 1 there; --from I continues
 * where another run ended.  Publishes with CLIENT REPLY OFF.  Runs --seconds S or until SIGTERM, then prints one JSON line. */
#include "load.h"
#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>

static volatile sig_atomic_t stopped;
static void on_signal(int s) { (void)s, stopped = 1; }

static int rooms = 1, size = 210;
static char **chats;    /* --chats: a line for each room, channel TAB id, for the envelope hubbub */

/* ---- the event: what a chat server would send, padded to --size bytes ---- */

#define BY "01906f3a-8c1e-7d42-b5a0-3f2e9c714d58"

static int text_of(char *b, uint64_t stamp, uint64_t n, int want) {
    int k = sprintf(b, "@t=%019llu n=%llu ", (unsigned long long)stamp, (unsigned long long)n);
    for (; k < want; k++) b[k] = "lorem ipsum dolor sit amet "[k % 27];
    return k;
}

static int event_head(char *b, int room, uint64_t n) {
    return sprintf(b, "{\"type\":\"message\",\"chat\":\"room%d\",\"seq\":%llu,\"by\":\"" BY "\",\"message\":\"", room, (unsigned long long)n);
}

static int json_event(char *b, int room, uint64_t stamp, uint64_t n) {
    int k = event_head(b, room, n);
    k += text_of(b + k, stamp, n, size - k - 2);
    return k + sprintf(b + k, "\"}");
}

static char *pack_text(char *p, const char *s, size_t n) {      /* MessagePack str */
    if (n < 32) *p++ = (char)(0xa0 | n);
    else if (n < 256) *p++ = (char)0xd9, *p++ = (char)n;
    else *p++ = (char)0xda, *p++ = (char)(n >> 8), *p++ = (char)n;
    memcpy(p, s, n);
    return p + n;
}
#define PACK(p, s) pack_text(p, s, strlen(s))

/* ---- envelopes: each writes channel and payload, returns the payload's length ---- */

static int raw(char *channel, char *b, int room, uint64_t stamp, uint64_t n) {
    sprintf(channel, "room%d", room);
    return json_event(b, room, stamp, n);
}

static int centrifuge(char *channel, char *b, int room, uint64_t stamp, uint64_t n) {
    char event[8192], *p = b;                                   /* protobuf Publication{data = 4} */
    unsigned len = (unsigned)json_event(event, room, stamp, n), v = len;
    sprintf(channel, "centrifuge.client.room%d", room);
    *p++ = 0x22;
    for (; v > 127; v >>= 7) *p++ = (char)(v | 128);
    *p++ = (char)v;
    memcpy(p, event, len);
    return (int)(p - b + len);
}

static int socketio(char *channel, char *b, int room, uint64_t stamp, uint64_t n) {
    char name[32], text[8192], *p = b;                          /* [uid, packet, {rooms, except, flags}] */
    int text_len = text_of(text, stamp, n, size - event_head(text, room, n) - 2);
    sprintf(name, "room%d", room);
    sprintf(channel, "socket.io#/#%s#", name);
    *p++ = (char)0x93, p = PACK(p, "bench1");
    *p++ = (char)0x83, p = PACK(p, "type"), *p++ = 2, p = PACK(p, "data");
    *p++ = (char)0x92, p = PACK(p, "event"), *p++ = (char)0x85;
    p = PACK(p, "type"), p = PACK(p, "message"), p = PACK(p, "chat"), p = PACK(p, name), p = PACK(p, "seq");
    *p++ = (char)0xce, *p++ = (char)(n >> 24), *p++ = (char)(n >> 16), *p++ = (char)(n >> 8), *p++ = (char)n;
    p = PACK(p, "by"), p = PACK(p, BY), p = PACK(p, "message"), p = pack_text(p, text, (size_t)text_len);
    p = PACK(p, "nsp"), p = PACK(p, "/");
    *p++ = (char)0x83, p = PACK(p, "rooms"), *p++ = (char)0x91, p = PACK(p, name);
    p = PACK(p, "except"), *p++ = (char)0x90, p = PACK(p, "flags"), *p++ = (char)0x80;
    return (int)(p - b);
}

static int channels(char *channel, char *b, int room, uint64_t stamp, uint64_t n) {
    char event[8192], *p = b;                                   /* {"type": handler, "text": event} */
    int len = json_event(event, room, stamp, n);
    sprintf(channel, "asgi__group__room%d", room);
    *p++ = (char)0x82, p = PACK(p, "type"), p = PACK(p, "relay"), p = PACK(p, "text"), p = pack_text(p, event, (size_t)len);
    return (int)(p - b);
}

static int hubbub(char *channel, char *b, int room, uint64_t stamp, uint64_t n) {
    unsigned char *head = (unsigned char *)b;                   /* first seq, number of events, bytes of control entries */
    char *tab = strchr(chats[room], '\t');
    uint64_t seq = n + 1;                                       /* 1 is the chat's own beginning */
    sprintf(channel, "%.*s", (int)(tab - chats[room]), chats[room]);
    for (int i = 0; i < 8; i++) head[i] = (unsigned char)(seq >> (56 - 8 * i));
    memcpy(b + 8, "\0\1\0\0\0\0", 6);
    int k = 14 + sprintf(b + 14, "{\"type\":\"message\",\"chat\":\"%s\",\"seq\":%llu,\"at\":\"2026-01-02T03:04:05.678Z\",\"by\":\"" BY "\",\"message\":\"",
                         tab + 1, (unsigned long long)seq);
    k += text_of(b + k, stamp, n, size + 14 - k - 2);
    return k + sprintf(b + k, "\"}");
}

static const struct { const char *name; int (*make)(char *, char *, int, uint64_t, uint64_t); } envelopes[] = {
    {"raw", raw}, {"centrifuge", centrifuge}, {"socketio", socketio}, {"channels", channels}, {"hubbub", hubbub}};
static int (*make)(char *, char *, int, uint64_t, uint64_t) = raw;

/* ---- publishing ---- */

static int fd;
static char buffer[1 << 20];
static size_t filled;
static uint64_t published, from;

static void flush(void) {
    for (size_t o = 0; o < filled;) {
        ssize_t n = write(fd, buffer + o, filled - o);
        if (n < 0 && errno != EINTR) die("write to Redis");
        if (n > 0) o += (size_t)n;
    }
    filled = 0;
}

static void publish(uint64_t stamp) {
    char channel[128], payload[9000];
    uint64_t i = from + published;
    int n = make(channel, payload, (int)(i % (uint64_t)rooms), stamp, i / (uint64_t)rooms + 1);
    if (filled + (size_t)n + 200 > sizeof buffer) flush();
    filled += (size_t)sprintf(buffer + filled, "*3\r\n$7\r\nPUBLISH\r\n$%zu\r\n%s\r\n$%d\r\n", strlen(channel), channel, n);
    memcpy(buffer + filled, payload, (size_t)n), filled += (size_t)n;
    memcpy(buffer + filled, "\r\n", 2), filled += 2;
    published++;
}

static int connect_to(int port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int s = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    if (s < 0 || connect(s, (void *)&a, sizeof a)) die("connect to Redis");
    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return s;
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        {"port", 1, 0, 'p'}, {"rooms", 1, 0, 'r'}, {"size", 1, 0, 's'}, {"envelope", 1, 0, 'e'}, {"rate", 1, 0, 'R'},
        {"burst", 1, 0, 'b'}, {"window", 1, 0, 'w'}, {"fanout", 1, 0, 'f'}, {"shm", 1, 0, 'm'}, {"seconds", 1, 0, 't'}, {"chats", 1, 0, 'c'}, {"from", 1, 0, 'n'}, {0, 0, 0, 0}};
    int o, port = 6379;
    double rate = 0, seconds = 1e9;
    uint64_t burst = 1, fanout = 1;
    int64_t in_flight = 0;
    window *w = NULL;
    while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) switch (o) {
        case 'p': port = atoi(optarg); break;
        case 'r': rooms = atoi(optarg); break;
        case 's': size = atoi(optarg); break;
        case 'R': rate = atof(optarg); break;
        case 'b': burst = strtoull(optarg, NULL, 10); break;
        case 'w': in_flight = atoll(optarg); break;
        case 'f': fanout = strtoull(optarg, NULL, 10); break;
        case 'm': w = window_open(optarg); break;
        case 'c': chats = read_lines(optarg, &rooms); break;
        case 'n': from = strtoull(optarg, NULL, 10); break;
        case 't': seconds = atof(optarg); break;
        case 'e':
            make = NULL;
            for (size_t i = 0; i < sizeof envelopes / sizeof *envelopes; i++)
                if (!strcmp(optarg, envelopes[i].name)) make = envelopes[i].make;
            if (!make) { fprintf(stderr, "no envelope %s\n", optarg); return 2; }
            break;
        default: return 2;
    }
    if (size > 7000 || (!rate && !(in_flight && w))) { fprintf(stderr, "usage: redispub --rate N | --window K --fanout F --shm FILE\n"); return 2; }
    struct sigaction act = {.sa_handler = on_signal};
    sigaction(SIGTERM, &act, NULL), sigaction(SIGINT, &act, NULL);
    fd = connect_to(port);
    filled = (size_t)sprintf(buffer, "*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$3\r\nOFF\r\n");
    flush();

    uint64_t start = now_ns(), end = start + (uint64_t)(seconds * 1e9), late = 0, stalls = 0;
    uint64_t base = w ? atomic_load(&w->delivered) : 0;
    while (!stopped && now_ns() < end) {
        if (rate) {
            uint64_t t = now_ns(), due;
            while ((due = start + (uint64_t)((double)published / rate * 1e9)) <= t) {
                if (t - due > late) late = t - due;
                for (uint64_t i = 0; i < burst; i++) publish(due);
            }
            flush();
            sleep_until(due < end ? due : end);
        } else {
            uint64_t before = atomic_load(&w->delivered);
            int64_t unarrived = (int64_t)published - (int64_t)((before - base) / fanout);   /* < 0: stragglers of an earlier run */
            if (unarrived < in_flight) {
                for (uint64_t t = now_ns(); unarrived < in_flight; unarrived++) publish(t);
                flush();
            }
            int64_t refill = in_flight / 4 ? in_flight / 4 : 1;
            window_wait(w, base + (uint64_t)((int64_t)published - in_flight + refill) * fanout);
            if (atomic_load(&w->delivered) == before && ++stalls > 20) break;
            if (atomic_load(&w->delivered) != before) stalls = 0;
        }
    }
    double took = (double)(now_ns() - start) / 1e9;
    printf("{\"published\":%lu,\"seconds\":%.3f,\"per_s\":%.0f,\"latest_ms\":%.3f,\"stalled\":%s}\n", published, took,
           (double)published / took, (double)late / 1e6, stalls > 20 ? "true" : "false");
    return 0;
}
