/* wsload, reconnecting: all closed connections dial at once, and retry until they are ready.
 *
 * A failed try is retried as the page does: after up to 0.5 s, doubled each time up to 30 s.
 * When the last one is ready, prints one line, {"event":"back", ...}, with their number, the
 * time it took, how many had to retry and how often. */
#include "wsload.h"

#define FIRST_PAUSE (SECOND / 2)
#define MAX_PAUSE (30 * SECOND)

static uint64_t began, next_due = UINT64_MAX;
static int away, back, again, failures;

static void due_at(connection *c, uint64_t t) {
    c->again = t;
    if (t < next_due) next_due = t;
}

void dial_again(void) {
    began = now_ns();
    away = back = again = failures = closed = 0;
    memset(&seen, 0, sizeof seen);
    seen.since = began, *first_failure = 0;
    for (int i = 0; i < conn_count; i++)
        if (conns[i].state == CLOSED) away++, conns[i].tries = 0, due_at(&conns[i], began);
}

void give_rebirths(void) {
    uint64_t t = now_ns(), next = UINT64_MAX;
    if (t < next_due) return;
    for (int i = 0; i < conn_count; i++) {
        connection *c = &conns[i];
        if (!c->again || c->state != CLOSED) continue;
        if (c->again <= t && in_handshake < opt.handshakes) give_birth(c);
        else if (c->again < next) next = c->again;
    }
    next_due = next;
}

int is_returning(const connection *c) { return c->again != 0; }

void returned(connection *c) {
    c->again = 0;
    if (++back < away) return;
    printf("{\"event\":\"back\",\"conns\":%d,\"seconds\":%.4f,\"again\":%d,\"failures\":%d,",
           back, (double)(now_ns() - began) / 1e9, again, failures);
    hist_json(&seen.latency, stdout);
    printf(",\"first_failure\":");
    json_text(first_failure);
    printf("}\n");
    fflush(stdout);
}

void stayed_away(connection *c) {
    uint64_t longest = FIRST_PAUSE << (c->tries < 6 ? c->tries : 6);
    if (longest > MAX_PAUSE) longest = MAX_PAUSE;
    if (!c->tries++) again++;
    failures++;
    due_at(c, now_ns() + longest / 1000 * (uint64_t)(random() % 1000));
}
