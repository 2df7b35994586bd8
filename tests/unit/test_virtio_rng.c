// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// test_virtio_rng.c - the driver of the source of entropy against devices that are right, short, silent, absent, or lie. The
// window is mapped where the driver looks for it, so this one runs without the address sanitizer, whose shadow lies there.
#include <sys/mman.h>
#include "fake.h"
#include "virtio_rng.c"               // with all that it remembers, for it has to start anew

#define EVENT 2
static struct virtio_entropy *window;
static bool device_is_there, device_is_silent, cpu_has_rdrand, rdrand_runs_dry, is_event_lost;
static uint32_t answer_bytes, asked, waits;
static uint16_t index_step;

bool rdrand_is_usable(void) { return cpu_has_rdrand; }
bool rdrand(uint64_t *word) {
    *word = rdrand_runs_dry ? 0 : (uint64_t)random_next() << 32 | random_next();
    return !rdrand_runs_dry;
}

int device_submit(uint32_t device, uint32_t operation, struct device_buffer *buffers, size_t count) {
    assert_true(device == DEVICE_ENTROPY && operation == DEVICE_NOTIFY && buffers != NULL && count == 1);
    if (!device_is_there)
        return -ENODEV;
    asked++;
    if (!device_is_silent) {
        window->words[0]++;
        window->used.index = (uint16_t)(window->used.index + index_step);
        for (int i = 0; i < VIRTIO_ENTROPY_ENTRIES; i++)
            window->used.ring[i].bytes = answer_bytes;
    }
    return 0;
}

int device_event(uint32_t device) { return device == DEVICE_ENTROPY ? EVENT : -EINVAL; }

int event_wait(uint32_t event, uint32_t seen, uint64_t deadline_ns) {
    assert_true(event == EVENT);
    (void)seen;
    waits++;
    if (!is_event_lost)
        fake_public.clock.base_ns = deadline_ns;
    return is_event_lost ? 0 : -ETIMEDOUT;
}

static int start(void) {
    asked = waits = 0;
    return virtio_rng_init(1, 0);
}

static int reset(void **state) {
    (void)state;
    if (window == NULL)
        window = mmap((void *)WINDOW_ADDRESS(DEVICE_ENTROPY, 0), PAGE_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    assert_ptr_equal(window, WINDOW_ADDRESS(DEVICE_ENTROPY, 0));
    memset(window, 0, sizeof(*window));
    generator = (struct generator){ 0 };
    is_seeded = false;
    answers = 0;
    device_bytes = drawn = 0;
    device_is_there = true;
    device_is_silent = cpu_has_rdrand = rdrand_runs_dry = is_event_lost = false;
    answer_bytes = sizeof(window->words);
    index_step = 1;
    return 0;
}

static void device_alone_is_enough(void **state) {
    (void)state;
    assert_int_equal(start(), 0);
    assert_true(entropy_word() >= 0);
    assert_int_equal(waits, 0);
}

static void no_device_no_rdrand(void **state) {
    (void)state;
    device_is_there = false;
    assert_int_equal(start(), 0);
    assert_int_equal(entropy_word(), -ENODEV);
    assert_int_equal(waits, 0);
}

static void rdrand_alone_is_enough(void **state) {
    (void)state;
    device_is_there = false;
    cpu_has_rdrand = true;
    assert_int_equal(start(), 0);
    assert_true(entropy_word() >= 0);
}

static void silent_device_is_waited_for_once(void **state) {
    (void)state;
    device_is_silent = true;
    assert_int_equal(start(), 0);
    assert_int_equal(waits, 1);
    for (int i = 0; i < 10; i++)
        assert_int_equal(entropy_word(), -EAGAIN);
    assert_int_equal(waits, 1);
    device_is_silent = false;
    assert_int_equal(entropy_word(), -EAGAIN); // asks, and hears of it at the next call
    assert_true(entropy_word() >= 0);
}

static void empty_answers_are_none(void **state) {
    (void)state;
    answer_bytes = 0;
    is_event_lost = true;
    fake_public.clock.multiplier = 1ull << 32; // time goes on, so that a device that answers nothing for ever ends nothing
    assert_int_equal(start(), 0);
    fake_public.clock.multiplier = 0;
    assert_int_equal(entropy_word(), -EAGAIN);
}

// Lengths beyond the buffer count as the whole buffer, and indices that jump as one answer.
static void lies_are_bounded(void **state) {
    (void)state;
    cpu_has_rdrand = true;
    answer_bytes = UINT32_MAX;
    index_step = 40000;
    assert_int_equal(start(), 0);
    int64_t last = -1;
    for (int i = 0; i < 3000; i++) {
        const int64_t word = entropy_word();
        assert_true(word >= 0 && word != last);
        last = word;
    }
}

static void asks_again_now_and_then(void **state) {
    (void)state;
    assert_int_equal(start(), 0);
    const uint32_t before = asked;
    for (int i = 0; i < 1024; i++)
        assert_true(entropy_word() >= 0);
    assert_in_range(asked - before, 3, 4);
}

static void rdrand_that_runs_dry(void **state) {
    (void)state;
    device_is_there = false;
    cpu_has_rdrand = rdrand_runs_dry = true;
    assert_int_equal(start(), 0);
    assert_int_equal(entropy_word(), -EAGAIN);
    rdrand_runs_dry = false;
    assert_true(entropy_word() >= 0);
    rdrand_runs_dry = true;       // and what was mixed in once stays
    for (int i = 0; i < 1024; i++)
        assert_true(entropy_word() >= 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(no_device_no_rdrand, reset),       cmocka_unit_test_setup(rdrand_that_runs_dry, reset),
        cmocka_unit_test_setup(empty_answers_are_none, reset),    cmocka_unit_test_setup(silent_device_is_waited_for_once, reset),
        cmocka_unit_test_setup(device_alone_is_enough, reset),    cmocka_unit_test_setup(rdrand_alone_is_enough, reset),
        cmocka_unit_test_setup(lies_are_bounded, reset),          cmocka_unit_test_setup(asks_again_now_and_then, reset),
    };
    return cmocka_run_group_tests_name("virtio_rng", tests, NULL, NULL);
}
