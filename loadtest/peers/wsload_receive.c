/* wsload, receiving: frames to lines, lines to counts. */
#include "wsload.h"

static uint64_t digits(const char **p, const char *end) {
    uint64_t v = 0;
    while (*p < end && **p >= '0' && **p <= '9') v = v * 10 + (uint64_t)(*(*p)++ - '0');
    return v;
}

static void became_ready(connection *c) {
    c->ready = 1, in_handshake--;
    hist_add(&seen.latency, now_ns() - c->born);
    if (opt.stuck) stop_reading(c);
    if (is_returning(c)) returned(c);
    else ready++;
}

static int take_line(connection *c, const char *line, size_t n, uint64_t t) {
    const char *end = line + n, *m = memmem(line, n, opt.marker, marker_len);
    if (!m) {
        if (!c->ready) {
            if (opt.ready && memmem(line, n, opt.ready, ready_len)) became_ready(c);
        } else if (opt.engineio && n == 1 && *line == '2') {
            write_frame(c, 1, "3", 1);
        } else if (!is_sending() || !take_answer(line, n, t)) {
            seen.other++;
        }
        return 0;
    }
    const char *p = m + marker_len;
    uint64_t stamp = digits(&p, end);
    if (stamp && stamp <= t) hist_add(&seen.latency, t - stamp);
    seen.payload += n;
    p = memmem(line, n, opt.counter, counter_len);
    if (p) {
        for (p += counter_len; p < end && *p == ' '; p++) {}
        uint64_t k = digits(&p, end);
        if (c->last && k <= c->last) seen.swapped++;
        else {
            if (c->last) seen.lost += k - c->last - 1;
            c->last = k;
        }
    }
    return 1;
}

void drop(connection *c, const char *why, int n) {
    if (c->ready) {
        closed++;
    } else {
        in_handshake--;
        if (is_returning(c)) stayed_away(c);
        else failed++;
        if (!*first_failure) snprintf(first_failure, sizeof first_failure, "%.*s", n, why);
    }
    if (c->state == OPEN) alive--;
    c->state = CLOSED, c->ready = 0, c->last = 0;
    close(c->fd);
    free(c->rest), c->rest = NULL, c->rest_len = c->rest_room = 0;
}

static void take_frames(connection *c, unsigned char *b, size_t n, uint64_t t) {
    size_t o = 0;
    uint64_t got = 0;
    while (n - o >= 2) {
        size_t h = 2, len = b[o + 1] & 127;
        if (len == 126) {
            if (n - o < 4) break;
            len = (size_t)b[o + 2] << 8 | b[o + 3], h = 4;
        } else if (len == 127) {
            if (n - o < 10) break;
            len = 0;
            for (int i = 2; i < 10; i++) len = len << 8 | b[o + (size_t)i];
            h = 10;
        }
        if (n - o < h + len) break;
        int op = b[o] & 15;
        char *p = (char *)b + o + h, *end = p + len;
        o += h + len;
        if (op == 9) {
            write_frame(c, 10, p, len);
        } else if (op == 8) {
            int code = len >= 2 ? (unsigned char)p[0] << 8 | (unsigned char)p[1] : 1005;
            if (code < 5000) close_codes[code]++;
            char why[120];
            int w = snprintf(why, sizeof why, "closed with %d %.*s", code, len > 2 ? (int)(len - 2) % 80 : 0, p + 2);
            write_frame(c, 8, p, len < 2 ? len : 2);
            drop(c, why, w);
            break;
        } else if (op <= 2) {
            seen.frames++;
            while (p < end) {
                char *nl = memchr(p, '\n', (size_t)(end - p)), *stop = nl ? nl : end;
                got += (uint64_t)take_line(c, p, (size_t)(stop - p), t);
                p = stop + 1;
            }
        }
    }
    if (got) {
        seen.deliveries += got, total += got;
        if (shared) window_add(shared, got);
    }
    if (c->state == CLOSED) return;
    c->rest_len = (uint32_t)(n - o);
    if (c->rest_len) {
        if (c->rest_len > c->rest_room) c->rest = realloc(c->rest, c->rest_room = c->rest_len);
        memcpy(c->rest, b + o, c->rest_len);
    }
}

static void opened(connection *c) {
    c->state = OPEN, alive++;
    for (char *f = c->frames; f && *f;) {
        char *tab = strchr(f, '\t');
        write_frame(c, 1, f, tab ? (size_t)(tab - f) : strlen(f));
        f = tab ? tab + 1 : NULL;
    }
    if (!opt.ready) became_ready(c);
}

void readable(connection *c) {
    static unsigned char b[1 << 18];
    static char big[1 << 22];        /* a `ready` frame may be larger than a read */
    unsigned char *at = b;
    size_t have = c->rest_len, room = sizeof b;
    if (have > sizeof b / 2) at = (unsigned char *)big, room = sizeof big;
    if (have) memcpy(at, c->rest, have);
    ssize_t r = read(c->fd, at + have, room - have);
    if (r < 0 && errno == EAGAIN) return;
    if (r <= 0) { drop(c, r ? strerror(errno) : "end of stream", 100); return; }
    uint64_t t = now_ns();
    seen.bytes += (uint64_t)r;
    size_t n = have + (size_t)r;
    c->rest_len = 0;
    if (c->state == UPGRADING) {
        unsigned char *e = memmem(at, n, "\r\n\r\n", 4);
        if (e && memcmp(at, "HTTP/1.1 101", 12)) { drop(c, (char *)at, (int)(n < 300 ? n : 300)); return; }
        if (e) {
            opened(c);
            e += 4;
            take_frames(c, e, n - (size_t)(e - at), t);
            return;
        }
        if (n > c->rest_room) c->rest = realloc(c->rest, c->rest_room = (uint32_t)n);
        memcpy(c->rest, at, c->rest_len = (uint32_t)n);
        return;
    }
    take_frames(c, at, n, t);
}
