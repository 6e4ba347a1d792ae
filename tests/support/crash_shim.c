/* A crash within whatever copies a given text, preloaded into a server.
 *
 * The file named by RL_TEST_CRASH holds a text of up to 63 bytes, ended by a zero. Once it holds
 * one, the first copy of bytes that begin so raises SIGSEGV, where a real fault would: in the
 * middle of a command that hands them on, or of an allocation that grows. Then the file's text is
 * gone, so that the report of the crash may copy what it likes.
 *
 * Some servers have their modules call libc itself; what the server copies for them is seen here.
 *
 * Nothing here may call a copying function, nor be compiled to such a call.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SIZE = 64 };

static volatile char *text;

__attribute__((constructor)) static void open_shared(void) {
    const char *path = getenv("RL_TEST_CRASH");
    if (!path) return;
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0) abort();
    void *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (memory == MAP_FAILED) abort();
    close(file);
    text = memory;
}

static void crash_if_meant(const void *from, size_t len) {
    if (!text || !text[0]) return;
    for (size_t i = 0; text[i]; i++) {
        if (i >= len || ((const char *)from)[i] != text[i]) return;
    }
    text[0] = 0;
    raise(SIGSEGV);
}

static void *copy(void *to, const void *from, size_t len) {
    volatile char *into = to;
    const volatile char *bytes = from;
    crash_if_meant(from, len);
    if ((uintptr_t)to <= (uintptr_t)from) {
        for (size_t i = 0; i < len; i++) into[i] = bytes[i];
    } else {
        for (size_t i = len; i > 0; i--) into[i - 1] = bytes[i - 1];
    }
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t len) {
    return copy(to, from, len);
}

void *memmove(void *to, const void *from, size_t len) {
    return copy(to, from, len);
}

void *__memcpy_chk(void *restrict to, const void *restrict from, size_t len, size_t room) {
    if (room < len) abort();
    return copy(to, from, len);
}

void *__memmove_chk(void *to, const void *from, size_t len, size_t room) {
    if (room < len) abort();
    return copy(to, from, len);
}
