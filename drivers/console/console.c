// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// console.c - see console.h.
//
// Each call copies its text through a shared-heap object of this domain, since the nucleus moves only what the driver
// owns. Invariant: writing is true while one thread has text half written, reading while one waits for input. The
// component lock is released while a thread waits for the device, so the flags, not the lock, keep lines whole and
// readers apart.
#include <stdbool.h>
#include "clock.h"
#include "console.h"
#include "device.h"
#include "string.h"
#include "thread.h"
#include "xheap.h"

#define RETRY_NS 1000000u       // a 115200 baud port sends 11 characters in that time
#define RETRY_MAX 1000          // one second

static bool writing, reading, has_ended;

static int pause(void) { return thread_sleep_until(time_now_ns() + RETRY_NS); }

// Moves text, which this domain owns, to the device. Returns 0 or a negative error.
static int write_all(const char *text, size_t bytes) {
    unsigned retries = 0;
    while (bytes) {
        struct device_buffer buffer = {.address = (uintptr_t)text, .bytes = (uint32_t)bytes};
        int moved = device_submit(DEVICE_CONSOLE, DEVICE_WRITE, &buffer, 1);
        int32_t result = moved > 0 ? buffer.result : moved;
        if (result < 0 && result != -EAGAIN)
            return result == -ENODEV ? -ENODEV : -EIO;
        if (result > 0 && (uint32_t)result <= bytes) {
            text += result;
            bytes -= (uint32_t)result;
            retries = 0;
        } else if (++retries > RETRY_MAX || pause() < 0) {
            return -EIO;
        }
    }
    return 0;
}

int console_init(uint32_t generation, int persist_valid) {
    (void)generation;
    (void)persist_valid;
    writing = reading = has_ended = false;
    return 0;
}

int console_write(const char *text, size_t bytes) {
    if (bytes > CONSOLE_WRITE_MAX)
        return -EINVAL;
    if (!bytes)
        return 0;
    for (unsigned retries = 0; writing; retries++)
        if (retries > RETRY_MAX || pause() < 0)
            return -EIO;
    char *copy = xheap_alloc(bytes);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, text, bytes);
    writing = true;
    int result = write_all(copy, bytes);
    writing = false;
    int freed = xheap_free(copy);
    return result ? result : freed;
}

// What is there now, through object; -EAGAIN when that is nothing.
static int read_now(char *object, char *text, size_t bytes) {
    struct device_buffer buffer = {.address = (uintptr_t)object, .bytes = (uint32_t)bytes};
    int moved = device_submit(DEVICE_CONSOLE, DEVICE_READ, &buffer, 1);
    if (moved <= 0)
        return moved ? moved : -EAGAIN;
    has_ended = buffer.result <= 0;
    if (buffer.result < 0 || (uint32_t)buffer.result > bytes)
        return -EIO;
    memcpy(text, object, (uint32_t)buffer.result);
    return buffer.result;
}

// The object goes back before the wait, which can take days.
static int read_or_wait(char *text, size_t bytes) {
    int event = device_event(DEVICE_CONSOLE);
    if (event < 0)
        return -ENODEV;
    uint32_t seen = event_count((uint32_t)event); // before the question: what comes after it ends the wait at once
    char *object = xheap_alloc(bytes);
    if (!object)
        return -ENOMEM;
    int result = read_now(object, text, bytes), freed = xheap_free(object);
    if (result != -EAGAIN)
        return result < 0 ? result : freed < 0 ? freed : result;
    int waited = event_wait((uint32_t)event, seen, DEADLINE_NEVER);
    return waited < 0 ? -EIO : -EAGAIN;
}

int console_read(char *text, size_t bytes) {
    if (!bytes || bytes > CONSOLE_READ_MAX)
        return -EINVAL;
    if (reading)
        return -EBUSY;
    reading = true;
    int result = -EAGAIN;
    while (result == -EAGAIN)
        result = has_ended ? 0 : read_or_wait(text, bytes);
    reading = false;
    return result;
}
