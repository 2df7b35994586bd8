// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// test_console.c - console_read() between a device that does as the test says and a caller.
#include "console.h"
#include "device.h"
#include "fake.h"
#include "thread.h"
#include "xheap.h"

#define READY 0x7fffffff        // the device has text
static const char device_text[] = "text";
static int answers[8];          // what the device does at each read: READY, 0 (nothing there), or a negative result of the call
static int32_t results[8];      // and the buffer's result when it is READY
static unsigned reads, waits;
static int (*while_waiting)(void);
static size_t objects;

void *xheap_alloc(size_t bytes) { return objects < 8 ? (objects++, malloc(bytes)) : NULL; }
int xheap_free(void *address) { return objects--, free(address), 0; }
int device_event(uint32_t device) { return device == DEVICE_CONSOLE ? 0 : -EINVAL; }

int device_submit(uint32_t device, uint32_t operation, struct device_buffer *buffers, size_t count) {
    assert_int_equal(device, DEVICE_CONSOLE);
    assert_int_equal(count, 1);
    if (operation == DEVICE_WRITE)
        return buffers->result = (int32_t)buffers->bytes, 1;
    unsigned at = reads++;
    if (answers[at] != READY)
        return answers[at];
    buffers->result = results[at];
    if (results[at] > 0)
        memcpy((void *)buffers->address, device_text, (uint32_t)results[at] < buffers->bytes ? (uint32_t)results[at] : buffers->bytes);
    return 1;
}

int event_wait(uint32_t event, uint32_t seen, uint64_t deadline_ns) {
    assert_int_equal(event, 0);
    assert_int_equal(seen, fake_public.events[0]);
    assert_true(deadline_ns == DEADLINE_NEVER); // no polling
    assert_int_equal(objects, 0);               // nothing is held for days
    waits++;
    fake_public.events[0]++;
    return while_waiting ? while_waiting() : 0;
}

static int start(void **state) {
    (void)state;
    memset(answers, 0, sizeof(answers));
    memset(results, 0, sizeof(results));
    reads = waits = 0;
    while_waiting = NULL;
    return console_init(1, 0);
}

static int no_object_left(void **state) {
    (void)state;
    return objects != 0;
}

static void text_at_once(void **state) {
    (void)state;
    char text[8] = "xxxxxxx";
    answers[0] = READY, results[0] = 4;
    assert_int_equal(console_read(text, 5), 4);
    assert_memory_equal(text, "textxxx", 8);
    assert_int_equal(waits, 0);
}

static void text_after_a_wait(void **state) {
    (void)state;
    char text[8];
    answers[2] = READY, results[2] = 2;
    assert_int_equal(console_read(text, 8), 2);
    assert_int_equal(waits, 2);
    assert_memory_equal(text, "te", 2);
}

static void ranges(void **state) {
    (void)state;
    static char text[CONSOLE_READ_MAX + 1];
    assert_int_equal(console_read(text, 0), -EINVAL);
    assert_int_equal(console_read(text, sizeof(text)), -EINVAL);
    assert_int_equal(reads, 0);
}

static int read_again(void) {
    char text[4];
    assert_int_equal(console_read(text, 4), -EBUSY);
    assert_int_equal(console_write("line\n", 5), 0); // writers need not wait for a reader
    return 0;
}

static void one_reader(void **state) {
    (void)state;
    char text[4];
    while_waiting = read_again;
    answers[1] = answers[2] = READY, results[1] = results[2] = 1;
    assert_int_equal(console_read(text, 4), 1);
    assert_int_equal(waits, 1);
    assert_int_equal(console_read(text, 4), 1); // it is free again
}

static void end(void **state) {
    (void)state;
    char text[4];
    answers[0] = READY, results[0] = 0;
    answers[1] = -ENODEV;
    for (int turn = 0; turn < 3; turn++)
        assert_int_equal(console_read(text, 4), 0);
    assert_int_equal(reads, 1);
}

static void failures(void **state) {
    (void)state;
    char text[4] = "abc";
    answers[0] = -ENODEV;
    assert_int_equal(console_read(text, 4), -ENODEV);
    answers[1] = READY, results[1] = 5; // more than there was room for: not to be believed
    assert_int_equal(console_read(text, 4), -EIO);
    assert_string_equal(text, "abc");
    answers[2] = READY, results[2] = -EIO;
    assert_int_equal(console_read(text, 4), -EIO);
    assert_int_equal(console_read(text, 4), 0); // failed is ended
    assert_int_equal(console_init(2, 0), 0);
    objects = 8;
    assert_int_equal(console_read(text, 4), -ENOMEM);
    objects = 0;
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, no_object_left)
    const struct CMUnitTest tests[] = {TEST(text_at_once), TEST(text_after_a_wait), TEST(ranges), TEST(one_reader), TEST(end),
                                       TEST(failures)};
    return cmocka_run_group_tests_name("console", tests, NULL, NULL);
}
