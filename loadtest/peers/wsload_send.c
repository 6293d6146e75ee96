/* wsload, sending: sends what is due, and matches answers by their clientId. */
#include "wsload.h"

#define SLOTS (1u << 20)             /* unanswered sends with a recorded start */
static struct {
    enum { NOTHING, RATE, WINDOW } mode;
    double rate;
    int window, size;
    uint64_t started, index, first, in_flight, turn;
    uint64_t *at;
} out;

int write_frame(connection *c, int opcode, const char *text, size_t n) {
    static unsigned char b[70000];
    size_t h = 2;
    if (n > 65535) return -1;
    b[0] = (unsigned char)(0x80 | opcode);
    if (n < 126) {
        b[1] = (unsigned char)(0x80 | n);
    } else {
        b[1] = 0x80 | 126, b[2] = (unsigned char)(n >> 8), b[3] = (unsigned char)n, h = 4;
    }
    memset(b + h, 0, 4);
    memcpy(b + h + 4, text, n);
    return write(c->fd, b, h + 4 + n) == (ssize_t)(h + 4 + n) ? 0 : -1;
}

void start_sending(int at_a_rate, double number, int size) {
    if (!out.at) out.at = calloc(SLOTS, sizeof *out.at);
    out.mode = at_a_rate ? RATE : WINDOW;
    out.rate = number, out.window = (int)number, out.size = size;
    out.started = now_ns(), out.first = out.index, out.in_flight = 0;
}

void stop_sending(void) { out.mode = NOTHING; }

int is_sending(void) { return out.at != NULL; }

static void send_one(uint64_t due) {
    char frame[20000], id[37];
    connection *c = NULL;
    for (int tries = 0; tries < sender_count; tries++) {
        c = senders[out.turn++ % (uint64_t)sender_count];
        if (c->state == OPEN && c->ready) break;
        c = NULL;
    }
    if (!c) { seen.unsent++; return; }
    uint64_t i = out.index++;
    uuid_of(id, i);
    int n = snprintf(frame, sizeof frame, "{\"type\":\"send\",\"chat\":\"%s\",\"clientId\":\"%s\",\"message\":\"@t=%019llu n=%llu ",
                     c->chat, id, (unsigned long long)due, (unsigned long long)i);
    int text = n - (int)(strstr(frame, "@t=") - frame);
    for (; text < out.size && n < 16000; text++) frame[n++] = 'x';
    n += snprintf(frame + n, 4, "\"}");
    out.at[i % SLOTS] = due;
    out.in_flight++;
    seen.sends++;
    if (write_frame(c, 1, frame, (size_t)n)) seen.unsent++, out.in_flight--, out.at[i % SLOTS] = 0;
}

/* Sends what is due; returns the ns until the next one is. */
uint64_t send_due(void) {
    if (out.mode == WINDOW) {
        while (out.in_flight < (uint64_t)out.window) {
            uint64_t before = out.index;
            send_one(now_ns());
            if (out.index == before) break;
        }
    } else if (out.mode == RATE) {
        for (;;) {
            uint64_t due = out.started + (uint64_t)((double)(out.index - out.first) * 1e9 / out.rate), t = now_ns();
            if (due > t) return due - t;
            uint64_t before = out.index;
            send_one(due);
            if (out.index == before) break;
        }
    }
    return SECOND / 10;
}

/* `sent`, or else an error, with our clientId: the index is its last 12 digits. */
int take_answer(const char *line, size_t n, uint64_t t) {
    const char *end = line + n, *id = memmem(line, n, "\"clientId\":", 11);
    for (id = id ? id + 11 : end; id < end && (*id == ' ' || *id == '"'); id++) {}
    if (id + 36 > end) return 0;
    char hex[13];
    memcpy(hex, id + 24, 12), hex[12] = 0;
    uint64_t i = strtoull(hex, NULL, 16), *at = &out.at[i % SLOTS];
    if (i >= out.index || !*at) return 0;
    if (!memmem(line, n, "\"sent\"", 6)) {
        seen.refused++;
        if (!*first_failure) snprintf(first_failure, sizeof first_failure, "%.*s", (int)(n < 300 ? n : 300), line);
    } else {
        seen.answered++, total_answered++;
        hist_add(&seen.answer, t - *at);
    }
    *at = 0;
    if (i >= out.first && out.in_flight) out.in_flight--;
    return 1;
}
