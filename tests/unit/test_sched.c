// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// test_sched.c - the scheduling policy.
#include "errors.h"
#include "fake.h"
#include "sched.h"

static int reset(void **state) {
    (void)state;
    memset(fake_public.threads, 0, sizeof(fake_public.threads));
    return 0;
}

static void thread(int index, enum thread_state state, uint8_t priority, uint64_t last_run) {
    fake_public.threads[index] = (struct public_thread){.state = (uint8_t)state, .priority = priority, .last_run = last_run};
}

static void nobody(void **state) {
    (void)state;
    assert_int_equal(sched_pick(-1), -EAGAIN);
    thread(0, THREAD_WAITING, 9, 0);
    thread(1, THREAD_ENDED, 9, 0);
    assert_int_equal(sched_pick(0), -EAGAIN);
}

static void priority_first(void **state) {
    (void)state;
    thread(3, THREAD_RUNNABLE, 4, 1);
    thread(5, THREAD_RUNNABLE, 10, 1000);
    thread(7, THREAD_WAITING, 20, 0);
    assert_int_equal(sched_pick(3), 5);
    fake_public.threads[5].state = THREAD_WAITING;
    assert_int_equal(sched_pick(5), 3);
    thread(THREAD_MAX - 1, THREAD_RUNNABLE, 255, UINT64_MAX);
    assert_int_equal(sched_pick(3), THREAD_MAX - 1);
}

static void round_robin(void **state) {
    (void)state;
    int runs[3] = {0};
    for (int i = 0; i < 3; i++)
        thread(i, THREAD_RUNNABLE, 10, 0);
    int last = -1;
    for (uint64_t now = 1; now <= 300; now++) {
        int next = sched_pick(last);
        assert_in_range(next, 0, 2);
        if (now > 1)
            assert_int_not_equal(next, last);
        fake_public.threads[next].last_run = now;
        runs[next]++;
        last = next;
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(runs[i], 100);
}

static void equals_keep_current(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++)
        thread(i, THREAD_RUNNABLE, 10, 5);
    assert_int_equal(sched_pick(2), 2);
    assert_int_equal(sched_pick(-1), 0);
    assert_int_equal(sched_pick(1000), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nobody, reset), cmocka_unit_test_setup(priority_first, reset),
        cmocka_unit_test_setup(round_robin, reset), cmocka_unit_test_setup(equals_keep_current, reset)};
    return cmocka_run_group_tests_name("sched", tests, NULL, NULL);
}
