/* Shared by the load programs: one clock, a latency histogram, a window in shared
 * memory, UUIDs, lines of a file.  Header only, for three small programs. */
#ifndef LOAD_H
#define LOAD_H
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000ull

static inline void die(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

/* All stamps are CLOCK_MONOTONIC: sender and receiver share the machine. */
static inline uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static inline void sleep_until(uint64_t ns) {
    struct timespec t = {(time_t)(ns / SECOND), (long)(ns % SECOND)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

/* ---- histogram: 64 steps per power of two, so a value is at most 1.6% off ---- */

#define HIST_BITS 6
#define HIST_STEPS (1u << HIST_BITS)
typedef struct {
    uint64_t bucket[(64 - HIST_BITS + 1) * HIST_STEPS];
    uint64_t count, max;
} histogram;

static inline void hist_add(histogram *h, uint64_t v) {
    unsigned i;
    if (v < HIST_STEPS) {
        i = (unsigned)v;
    } else {
        unsigned e = 63u - (unsigned)__builtin_clzll(v) - HIST_BITS;
        i = (e + 1) * HIST_STEPS + (unsigned)((v >> e) & (HIST_STEPS - 1));
    }
    h->bucket[i]++;
    h->count++;
    if (v > h->max) h->max = v;
}

static inline double hist_ms(const histogram *h, double q) {
    uint64_t want = (uint64_t)((double)h->count * q), seen = 0;
    if (!h->count) return 0;
    if (want >= h->count) want = h->count - 1;
    for (unsigned i = 0; i < sizeof h->bucket / sizeof *h->bucket; i++) {
        seen += h->bucket[i];
        if (seen > want) {
            if (i < HIST_STEPS) return i / 1e6;
            unsigned e = i / HIST_STEPS - 1;
            double v = ((double)((uint64_t)(i % HIST_STEPS + HIST_STEPS) << e)) + (double)(1ull << e) / 2;
            return (v < (double)h->max ? v : (double)h->max) / 1e6;
        }
    }
    return (double)h->max / 1e6;
}

static inline void hist_json(const histogram *h, FILE *out) {
    fprintf(out, "\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f", hist_ms(h, .5), hist_ms(h, .99), (double)h->max / 1e6);
}

/* A JSON string on stdout. */
static inline void json_text(const char *s) {
    putchar('"');
    for (; *s; s++)
        if (*s == '"' || *s == '\\') printf("\\%c", *s);
        else if ((unsigned char)*s < 32) printf("\\u%04x", *s);
        else putchar(*s);
    putchar('"');
}

/* ---- window: the receiver counts deliveries here, the publisher waits for them ----
 * The publisher sets wake_at to the count it waits for and sleeps on gate; the
 * receiver wakes it once, when the count is reached.  No spinning on a shared core. */

typedef struct {
    _Atomic uint64_t delivered, wake_at;
    _Atomic uint32_t gate;
} window;

static inline window *window_open(const char *path) {
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    if (fd < 0 || ftruncate(fd, sizeof(window)) < 0) die(path);
    window *w = mmap(NULL, sizeof *w, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (w == MAP_FAILED) die("mmap");
    close(fd);
    return w;
}

static inline void window_add(window *w, uint64_t n) {
    uint64_t d = atomic_fetch_add(&w->delivered, n) + n;
    uint64_t at = atomic_load(&w->wake_at);
    if (at && d >= at) {
        atomic_store(&w->wake_at, 0);
        atomic_fetch_add(&w->gate, 1);
        syscall(SYS_futex, &w->gate, FUTEX_WAKE, 1, NULL, NULL, 0);
    }
}

/* Waits until `at` deliveries are counted, at most 100 ms. */
static inline void window_wait(window *w, uint64_t at) {
    uint32_t seen = atomic_load(&w->gate);
    struct timespec t = {0, 100000000};
    atomic_store(&w->wake_at, at);
    if (atomic_load(&w->delivered) < at) syscall(SYS_futex, &w->gate, FUTEX_WAIT, seen, &t, NULL, 0);
}

/* ---- UUIDs that carry a number: random per run, the last 48 bits are the index ---- */

static inline void uuid_of(char out[37], uint64_t index) {
    static uint64_t run;
    if (!run && getrandom(&run, sizeof run, 0) != sizeof run) die("getrandom");
    snprintf(out, 37, "%08x-%04x-4%03x-8%03x-%012llx", (unsigned)run, (unsigned)(run >> 32) & 0xffff,
             (unsigned)(run >> 48) & 0xfff, (unsigned)(run >> 52) & 0xfff,
             (unsigned long long)index & 0xffffffffffffull);
}

/* ---- input ---- */

/* The lines of a file, newlines removed; *count is set.  Lives as long as the program. */
static inline char **read_lines(const char *path, int *count) {
    FILE *f = fopen(path, "r");
    if (!f) die(path);
    char **lines = NULL, *line = NULL;
    size_t room = 0;
    ssize_t n;
    *count = 0;
    while ((n = getline(&line, &room, f)) > 0) {
        if (line[n - 1] == '\n') line[n - 1] = 0;
        if ((*count & (*count - 1)) == 0) lines = realloc(lines, sizeof *lines * (size_t)(*count ? *count * 2 : 1));
        lines[(*count)++] = strdup(line);
    }
    free(line);
    fclose(f);
    return lines;
}

static inline void raise_file_limit(void) {
    struct rlimit r;
    getrlimit(RLIMIT_NOFILE, &r);
    r.rlim_cur = r.rlim_max;
    setrlimit(RLIMIT_NOFILE, &r);
}

#endif
