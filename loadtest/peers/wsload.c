/* wsload: many WebSocket clients in one thread.
 *
 * Opens one connection per line of a plan, counts the messages that arrive, their
 * latency and their order, and can send.  It reads commands as lines on stdin and
 * reports as JSON lines on stdout, so that a driver can choose its own windows.
 *
 * plan, one connection per line, columns separated by TAB:
 *     path   chat (for `send`, or -)   first text frame   second text frame ...
 *
 * stdin:
 *     reset                     forget everything counted so far (and the last counters)
 *     report                    print the counts since the last reset
 *     send rate N [SIZE]        send N messages/s, open loop: latency counts from the due time
 *     send window K [SIZE]      keep K sends unanswered, closed loop
 *     stop                      send no more
 *     dial P[,P...]             dial all closed ones at once, at these ports; see wsload_return.c
 *     quit (or end of file)
 *
 * A delivery is a line of a text frame that holds the marker (default `@t=`) followed by
 * the digits of a CLOCK_MONOTONIC stamp in ns.  Digits after the counter (default ` n=`)
 * must grow by one from message to message on a connection, else it is a loss or a swap;
 * `total` counts deliveries since the start, to compare with what was sent.
 * Fragmented messages are counted per fragment.  --stuck reads up to the ready frame and never
 * again, with the smallest receive buffer.  The mask key is zero: legal for a test
 * client, and the server unmasks anyway. */
#include "wsload.h"
#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>

struct options opt = {.host = "127.0.0.1", .marker = "@t=", .counter = " n=", .per_address = 20000, .handshakes = 100};
size_t marker_len, counter_len, ready_len;
struct counts seen;
uint64_t total, total_answered;
connection *conns, **senders;
int conn_count, sender_count, alive, ready, failed, in_handshake, closed, close_codes[5000];
char first_failure[400];
window *shared;
static int born, ep;

/* ---- connecting ---- */

void set_ports(char *list) {
    opt.port_count = 0;
    for (char *p = strtok(list, ","); p; p = strtok(NULL, ",")) opt.ports[opt.port_count++ & 63] = atoi(p);
}

void give_birth(connection *c) {
    int i = (int)(c - conns), one = 1, smallest = 2304, port = opt.ports[i % opt.port_count];
    in_handshake++;
    if (!c->tries) c->born = now_ns();
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c->fd < 0) die("socket");
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001u + (uint32_t)(i / opt.per_address))};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, opt.host, &to.sin_addr);
    setsockopt(c->fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (opt.stuck) setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &smallest, sizeof smallest);
    if (opt.per_address < 20000 && bind(c->fd, (void *)&from, sizeof from)) die("bind");
    c->state = CONNECTING;
    if (connect(c->fd, (void *)&to, sizeof to) && errno != EINPROGRESS) { drop(c, strerror(errno), 100); return; }
    struct epoll_event e = {.events = EPOLLOUT, .data.ptr = c};
    epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
}

void stop_reading(connection *c) { epoll_ctl(ep, EPOLL_CTL_DEL, c->fd, NULL); }

static void connected(connection *c) {
    char req[4096];
    int error = 0;
    socklen_t l = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &l);
    if (error) { drop(c, strerror(error), 100); return; }
    int n = snprintf(req, sizeof req,
        "GET %s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s%s%s%s%s\r\n",
        c->path, opt.host, opt.ports[0], opt.protocol ? "Sec-WebSocket-Protocol: " : "",
        opt.protocol ? opt.protocol : "", opt.protocol ? "\r\n" : "", opt.header ? opt.header : "", opt.header ? "\r\n" : "");
    if (write(c->fd, req, (size_t)n) != n) { drop(c, "upgrade not written", 100); return; }
    c->state = UPGRADING;
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
}

static void read_plan(const char *path) {
    char **lines = read_lines(path, &conn_count);
    conns = calloc((size_t)conn_count, sizeof *conns);
    senders = calloc((size_t)conn_count, sizeof *senders);
    for (int i = 0; i < conn_count; i++) {
        char *rest = lines[i];
        conns[i].path = strsep(&rest, "\t");
        conns[i].chat = rest ? strsep(&rest, "\t") : "-";
        conns[i].frames = rest;
        if (strcmp(conns[i].chat, "-")) senders[sender_count++] = &conns[i];
    }
}

/* ---- reporting ---- */

static void report(void) {
    double s = (double)(now_ns() - seen.since) / 1e9;
    printf("{\"event\":\"report\",\"seconds\":%.4f,\"alive\":%d,\"frames\":%lu,\"deliveries\":%lu,\"deliveries_per_s\":%.0f,"
           "\"bytes\":%lu,\"event_bytes\":%.1f,\"lost\":%lu,\"swapped\":%lu,\"other\":%lu,\"total\":%lu,\"total_answered\":%lu,",
           s, alive, seen.frames, seen.deliveries, (double)seen.deliveries / s, seen.bytes,
           seen.deliveries ? (double)seen.payload / (double)seen.deliveries : 0, seen.lost, seen.swapped, seen.other, total, total_answered);
    hist_json(&seen.latency, stdout);
    if (is_sending()) {
        printf(",\"sends\":%lu,\"answered\":%lu,\"answered_per_s\":%.0f,\"refused\":%lu,\"unsent\":%lu,\"answer\":{",
               seen.sends, seen.answered, (double)seen.answered / s, seen.refused, seen.unsent);
        hist_json(&seen.answer, stdout);
        printf("}");
    }
    printf(",\"closed\":%d,\"closes\":{", closed);
    const char *comma = "";
    for (int i = 0; i < 5000; i++)
        if (close_codes[i]) printf("%s\"%d\":%d", comma, i, close_codes[i]), comma = ",";
    printf("},\"first_failure\":");
    json_text(first_failure);
    printf("}\n");
    fflush(stdout);
}

static void reset(void) {
    memset(&seen, 0, sizeof seen);
    seen.since = now_ns();
    for (int i = 0; i < conn_count; i++) conns[i].last = 0;
}

static void command(char *line) {
    double number;
    int size = 60, n;
    if (!strcmp(line, "reset")) reset();
    else if (!strcmp(line, "report")) report();
    else if (!strcmp(line, "stop")) stop_sending();
    else if (!strcmp(line, "quit")) exit(0);
    else if ((n = sscanf(line, "send rate %lf %d", &number, &size)) >= 1 || (n = sscanf(line, "send window %lf %d", &number, &size)) >= 1) {
        start_sending(line[5] == 'r', number, size);
    } else if (!strncmp(line, "dial ", 5)) {
        set_ports(line + 5);
        dial_again();
    } else fprintf(stderr, "not a command: %s\n", line);
}

static void take_commands(void) {
    static char buf[4096];
    static size_t have;
    ssize_t r = read(0, buf + have, sizeof buf - 1 - have);
    if (r <= 0) exit(0);
    have += (size_t)r, buf[have] = 0;
    char *line = buf, *nl;
    while ((nl = strchr(line, '\n'))) *nl = 0, command(line), line = nl + 1;
    have = strlen(line);
    memmove(buf, line, have + 1);
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        {"host", 1, 0, 'h'}, {"port", 1, 0, 'p'}, {"plan", 1, 0, 'f'}, {"protocol", 1, 0, 's'}, {"header", 1, 0, 'H'},
        {"ready", 1, 0, 'r'}, {"marker", 1, 0, 'm'}, {"counter", 1, 0, 'c'}, {"per-address", 1, 0, 'a'},
        {"handshakes", 1, 0, 'n'}, {"engineio", 0, 0, 'e'}, {"shm", 1, 0, 'w'}, {"stuck", 0, 0, 'k'}, {0, 0, 0, 0}};
    int o;
    const char *plan = NULL;
    while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) switch (o) {
        case 'h': opt.host = optarg; break;
        case 'p': set_ports(optarg); break;
        case 'f': plan = optarg; break;
        case 's': opt.protocol = optarg; break;
        case 'H': opt.header = optarg; break;
        case 'r': opt.ready = optarg; ready_len = strlen(optarg); break;
        case 'm': opt.marker = optarg; break;
        case 'c': opt.counter = optarg; break;
        case 'a': opt.per_address = atoi(optarg); break;
        case 'n': opt.handshakes = atoi(optarg); break;
        case 'e': opt.engineio = 1; break;
        case 'k': opt.stuck = 1; break;
        case 'w': shared = window_open(optarg); break;
        default: return 2;
    }
    if (!plan || !opt.port_count) { fprintf(stderr, "usage: wsload --port P[,P...] --plan FILE [options]\n"); return 2; }
    marker_len = strlen(opt.marker), counter_len = strlen(opt.counter);
    signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    read_plan(plan);
    ep = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL}, events[512];
    epoll_ctl(ep, EPOLL_CTL_ADD, 0, &e);

    uint64_t start = now_ns();
    int announced = 0;
    reset();
    for (;;) {
        while (born < conn_count && in_handshake < opt.handshakes) give_birth(&conns[born++]);
        give_rebirths();
        struct timespec timeout = {0, (long)send_due()};
        int n = epoll_pwait2(ep, events, 512, &timeout, NULL);
        for (int i = 0; i < n; i++) {
            connection *c = events[i].data.ptr;
            if (!c) take_commands();
            else if (c->state == CONNECTING) connected(c);
            else if (c->state != CLOSED) readable(c);
        }
        if (!announced && born == conn_count && ready + failed == conn_count) {
            announced = 1;
            printf("{\"event\":\"ready\",\"conns\":%d,\"failed\":%d,\"seconds\":%.4f,", ready, failed, (double)(now_ns() - start) / 1e9);
            hist_json(&seen.latency, stdout);
            printf(",\"first_failure\":");
            json_text(first_failure);
            printf("}\n");
            fflush(stdout);
            reset();
        }
    }
}
