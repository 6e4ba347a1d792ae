/* A wall clock that the tests set, preloaded into a server.
 *
 * The file named by RL_TEST_CLOCK holds three 64-bit integers. The first is the mode: 0, the
 * real time plus the second integer; 1, the third integer. Both are microseconds. They are read
 * at every call, so that a change is seen at once.
 *
 * Only the wall clock is ours: CLOCK_MONOTONIC and the others are libc's, so that the server's
 * timers go on; it reads them without a system call, of which a server would make several for each
 * command. Valkey 9 adds what the processor's cycle counter tells to a wall time
 * up to a millisecond old, unless it finds no such counter; so it is kept from finding it.
 *
 * One of the servers runs on a newer libc than the one this is compiled with: keep to symbols
 * that every glibc has.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { OFFSET = 0, FROZEN = 1 };

struct shared_clock {
    _Atomic int64_t mode;
    _Atomic int64_t offset_us;
    _Atomic int64_t frozen_us;
};

static const struct shared_clock *shared;
static int (*clock_of_libc)(clockid_t clock, struct timespec *answer);

__attribute__((constructor)) static void open_shared(void) {
    *(void **)&clock_of_libc = dlsym(RTLD_NEXT, "clock_gettime");
    const char *path = getenv("RL_TEST_CLOCK");
    if (!path) return;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) abort();
    void *memory = mmap(NULL, sizeof(struct shared_clock), PROT_READ, MAP_SHARED, file, 0);
    if (memory == MAP_FAILED) abort();
    close(file);
    shared = memory;
}

static int real_time(clockid_t clock, struct timespec *answer) {
    /* Whatever runs before us may ask as well. */
    if (!clock_of_libc) return (int)syscall(SYS_clock_gettime, clock, answer);
    return clock_of_libc(clock, answer);
}

/* The tests' time, or the real one to the nanosecond where no clock was given. */
static int wall_time(clockid_t clock, struct timespec *answer) {
    if (!shared) return real_time(clock, answer);
    int64_t us;
    if (shared->mode == FROZEN) {
        us = shared->frozen_us;
    } else {
        struct timespec now;
        if (real_time(clock, &now) != 0) return -1;
        us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000 + shared->offset_us;
    }
    int64_t rest = us % 1000000;
    if (rest < 0) rest += 1000000;
    answer->tv_sec = (time_t)((us - rest) / 1000000);
    answer->tv_nsec = (long)rest * 1000;
    return 0;
}

int clock_gettime(clockid_t clock, struct timespec *answer) {
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) return wall_time(clock, answer);
    return real_time(clock, answer);
}

int gettimeofday(struct timeval *restrict answer, void *restrict zone) {
    struct timespec now;
    (void)zone;
    if (wall_time(CLOCK_REALTIME, &now) != 0) return -1;
    answer->tv_sec = now.tv_sec;
    answer->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *answer) {
    struct timespec now;
    if (wall_time(CLOCK_REALTIME, &now) != 0) return (time_t)-1;
    if (answer) *answer = now.tv_sec;
    return now.tv_sec;
}

static FILE *open_file(const char *name, const char *path, const char *how) {
    FILE *(*real)(const char *, const char *);
    if (shared && (strstr(path, "/current_clocksource") || strcmp(path, "/proc/cpuinfo") == 0)) {
        errno = ENOENT;
        return NULL;
    }
    *(void **)&real = dlsym(RTLD_NEXT, name);
    return real(path, how);
}

FILE *fopen(const char *restrict path, const char *restrict how) {
    return open_file("fopen", path, how);
}

FILE *fopen64(const char *restrict path, const char *restrict how) {
    return open_file("fopen64", path, how);
}
