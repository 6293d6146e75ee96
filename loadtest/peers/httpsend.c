/* httpsend: POSTs chat messages over HTTP/1.1 keep-alive connections, from one thread.
 *
 * targets, one per line, columns separated by TAB:   path   token
 * Request i goes to target i mod TARGETS, as
 *     {"message":"@t=<ns> n=<i> ...","clientId":"<fresh UUID>"}
 *
 *   --connections C            closed loop: every connection always has one request open
 *   --connections C --rate N [--burst B]
 *                              open loop: N requests per second fall due, B at a time; if no
 *                              connection is free, they wait, and latency counts from the due time
 *                              (no coordinated omission)
 *   --window K --fanout F --shm FILE
 *                              with either: at most K messages that wsload has not yet seen at
 *                              all F receivers (else a hot chat only builds a backlog)
 * --warm S seconds are sent but not counted, then --seconds S are counted.  --per-target
 * sends request i only after the target's last one was answered (keeps a sender's order).
 * Prints {"event":"warm"} when counting starts and one line of figures at the end. */
#include "load.h"
#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>

typedef struct {
    int fd, port, busy, target;
    uint64_t due;
    size_t have;
    char in[32768];
} connection;

static const char *host = "127.0.0.1", *header;
static int ports[64], port_count, count = 1, size = 60, target_count, ep, per_target;
static double rate;
static char **paths, **tokens, *target_busy;
static connection *conns, **idle_stack;
static int idle_count;
static uint64_t started, counting_from, sent, acknowledged, acknowledged_in_all, broken, statuses[600], turn;
static histogram latency;
static char first_refusal[600];

static void dial(connection *c) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)c->port)};
    int one = 1;
    inet_pton(AF_INET, host, &a.sin_addr);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (void *)&a, sizeof a)) die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
    c->busy = 0, c->have = 0;
    idle_stack[idle_count++] = c;
}

static void redial(connection *c) {
    if (c->busy) broken++, target_busy[c->target] = 0;
    for (int i = 0; i < idle_count; i++)
        if (idle_stack[i] == c) { idle_stack[i] = idle_stack[--idle_count]; break; }
    close(c->fd);
    dial(c);
}

static int post(uint64_t due) {
    char body[9000], req[16000], id[37];
    int t = (int)(turn % (uint64_t)target_count);
    if (per_target && target_busy[t]) return 0;
    turn++;
    connection *c = idle_stack[--idle_count];
    uuid_of(id, sent);
    int n = sprintf(body, "{\"message\":\"@t=%019llu n=%llu ", (unsigned long long)due, (unsigned long long)sent);
    while (n - 12 < size) body[n++] = 'x';
    n += sprintf(body + n, "\",\"clientId\":\"%s\"}", id);
    int r = snprintf(req, sizeof req,
        "POST %s HTTP/1.1\r\nHost: %s:%d\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n%s%sContent-Length: %d\r\n\r\n%s",
        paths[t], host, c->port, tokens[t], header ? header : "", header ? "\r\n" : "", n, body);
    sent++;
    c->busy = 1, c->due = due, c->target = t, c->have = 0;
    target_busy[t] = 1;
    if (write(c->fd, req, (size_t)r) != r) redial(c);
    return 1;
}

/* Length of the whole answer in c->in, or 0 while it is incomplete. */
static size_t answer_length(connection *c) {
    c->in[c->have] = 0;
    char *e = strstr(c->in, "\r\n\r\n");
    if (!e) return 0;
    size_t head = (size_t)(e - c->in) + 4;
    *e = 0;
    char *l = strcasestr(c->in, "\r\ncontent-length:"), *chunked = strcasestr(c->in, "\r\ntransfer-encoding: chunked");
    *e = '\r';
    if (chunked) return strstr(c->in + head - 2, "\r\n0\r\n\r\n") ? c->have : 0;
    size_t whole = head + (l ? strtoul(l + 17, NULL, 10) : 0);
    return c->have >= whole ? whole : 0;
}

static void release(connection *c) {
    c->busy = 0, c->have = 0, target_busy[c->target] = 0;
    idle_stack[idle_count++] = c;
}

static void readable(connection *c) {
    ssize_t r = read(c->fd, c->in + c->have, sizeof c->in - 1 - c->have);
    if (r < 0 && errno == EAGAIN) return;
    if (r <= 0 || !c->busy) { redial(c); return; }
    c->have += (size_t)r;
    if (!answer_length(c)) return;
    uint64_t t = now_ns();
    int status = atoi(c->in + 9);
    if (status / 100 == 2) acknowledged_in_all++;
    if (counting_from && t >= counting_from) {
        if (status > 0 && status < 600) statuses[status]++;
        if (status / 100 == 2) acknowledged++, hist_add(&latency, t - c->due);
    }
    if (status / 100 != 2 && !*first_refusal) snprintf(first_refusal, sizeof first_refusal, "%.*s", 500, c->in);
    c->in[c->have] = 0;
    int closing = strcasestr(c->in, "\r\nconnection: close") != NULL;
    if (closing) c->busy = 0, target_busy[c->target] = 0, redial(c);
    else release(c);
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        {"host", 1, 0, 'h'}, {"port", 1, 0, 'p'}, {"targets", 1, 0, 'f'}, {"connections", 1, 0, 'c'}, {"rate", 1, 0, 'R'},
        {"size", 1, 0, 's'}, {"header", 1, 0, 'H'}, {"warm", 1, 0, 'w'}, {"seconds", 1, 0, 't'}, {"per-target", 0, 0, 'o'}, {"burst", 1, 0, 'b'},
        {"window", 1, 0, 'W'}, {"fanout", 1, 0, 'F'}, {"shm", 1, 0, 'm'}, {0, 0, 0, 0}};
    int o;
    double warm = 0.5, seconds = 3;
    const char *file = NULL;
    int64_t in_flight = 0;
    uint64_t fanout = 1, burst = 1;
    window *w = NULL;
    while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) switch (o) {
        case 'h': host = optarg; break;
        case 'p': for (char *p = strtok(optarg, ","); p; p = strtok(NULL, ",")) ports[port_count++ & 63] = atoi(p); break;
        case 'f': file = optarg; break;
        case 'c': count = atoi(optarg); break;
        case 'R': rate = atof(optarg); break;
        case 's': size = atoi(optarg); break;
        case 'H': header = optarg; break;
        case 'w': warm = atof(optarg); break;
        case 't': seconds = atof(optarg); break;
        case 'o': per_target = 1; break;
        case 'b': burst = strtoull(optarg, NULL, 10); break;
        case 'W': in_flight = atoll(optarg); break;
        case 'F': fanout = strtoull(optarg, NULL, 10); break;
        case 'm': w = window_open(optarg); break;
        default: return 2;
    }
    if (!file || !port_count || size > 8192) { fprintf(stderr, "usage: httpsend --port P[,P...] --targets FILE --connections C [--rate N]\n"); return 2; }
    paths = read_lines(file, &target_count);
    tokens = calloc((size_t)target_count, sizeof *tokens);
    target_busy = calloc((size_t)target_count, 1);
    for (int i = 0; i < target_count; i++) tokens[i] = strchr(paths[i], '\t'), *tokens[i]++ = 0;
    raise_file_limit();
    ep = epoll_create1(0);
    conns = calloc((size_t)count, sizeof *conns);
    idle_stack = calloc((size_t)count, sizeof *idle_stack);
    for (int i = 0; i < count; i++) conns[i].port = ports[i % port_count], dial(&conns[i]);

    struct epoll_event events[256];
    uint64_t due_count = 0, end;
    uint64_t base = w ? atomic_load(&w->delivered) : 0;
    signal(SIGPIPE, SIG_IGN);
    started = now_ns(), end = started + (uint64_t)((warm + seconds) * 1e9);
    for (;;) {
        uint64_t t = now_ns(), wait = SECOND / 10;
        if (!counting_from && t >= started + (uint64_t)(warm * 1e9)) {
            counting_from = t;
            printf("{\"event\":\"warm\"}\n"), fflush(stdout);
        }
        if (t >= end) break;
        while (idle_count) {
            if (w && (int64_t)sent - (int64_t)((atomic_load(&w->delivered) - base) / fanout) >= in_flight) { wait = 100000; break; }
            uint64_t due = rate ? started + (uint64_t)((double)(due_count / burst * burst) * 1e9 / rate) : now_ns();
            if (due > t && rate) { wait = due - t; break; }
            int done = post(due);
            if (!done) break;
            due_count++;
        }
        struct timespec timeout = {0, (long)wait};
        int n = epoll_pwait2(ep, events, 256, &timeout, NULL);
        for (int i = 0; i < n; i++) readable(events[i].data.ptr);
    }
    double took = (double)(now_ns() - counting_from) / 1e9;
    uint64_t due_by_now = rate ? (uint64_t)((double)(now_ns() - started) / 1e9 * rate) : due_count;
    printf("{\"event\":\"report\",\"seconds\":%.3f,\"acknowledged\":%lu,\"acknowledged_per_s\":%.0f,\"acknowledged_in_all\":%lu,\"broken\":%lu,\"behind\":%lu,",
           took, acknowledged, (double)acknowledged / took, acknowledged_in_all, broken, due_by_now > due_count + burst ? due_by_now - due_count : 0);
    hist_json(&latency, stdout);
    printf(",\"statuses\":{");
    const char *comma = "";
    for (int i = 0; i < 600; i++)
        if (statuses[i]) printf("%s\"%d\":%lu", comma, i, statuses[i]), comma = ",";
    printf("},\"first_refusal\":");
    json_text(first_refusal);
    printf("}\n");
    return 0;
}
