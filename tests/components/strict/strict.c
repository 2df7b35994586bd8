// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// strict.c - see strict.h. The touches are of one byte, at an offset that no header uses.
#include <stdbool.h>
#include "boot.h"
#include "log.h"
#include "string.h"
#include "strict.h"
#include "strictpeer.h"
#include "strictthird.h"
#include "thread.h"
#include "xheap.h"

#define BYTES 5000               // two pages, and some of each of three objects of a class
#define INSIDE 4242
#define CHILDREN 20
#define GIVEN 40
#define LARGE 8                  // more 64 KiB objects than a cache keeps

static uint8_t *volatile foreign; // what strict_other is to touch
static int wrong;

static void want(const char *what, int64_t got, int64_t wanted) {
    if (got == wanted) return;
    wrong++;
    log_line("strict: %s: got %d, wanted %d", what, (int)got, (int)wanted);
}

static int touch(volatile uint8_t *byte, bool is_write) {
    log_line("strict: touching 0x%llx", (unsigned long long)(uintptr_t)byte);
    if (is_write) *byte = 1;
    else (void)*byte;
    log_line("strict: touched");
    return 0;
}

static uint8_t *filled(uint8_t value) {
    uint8_t *object = xheap_alloc(BYTES);
    if (object) memset(object, value, BYTES);
    return object;
}

// ---- what must work

static void lends(void) {
    uint8_t *object = filled(1), *other = filled(2), private[100] = {3};
    want("lending", strictpeer_add(object, BYTES), BYTES);
    want("what was written", object[INSIDE], 2);
    want("lending on", strictpeer_relay(object, BYTES), BYTES);
    want("what was written by both", object[INSIDE], 4);
    want("one object in two arguments", strictpeer_copy(object, 100, object + 1000, 100), 0);
    want("two objects", strictpeer_copy(object, 100, other, 100), 0);
    want("the other one", other[99], 4);
    want("private memory", strictpeer_add(private, sizeof private), sizeof private);
    want("what came back of it", private[0], 4);
    want("private memory and a heap object", strictpeer_copy(private, 10, other, 10), 0);
    want("what came of it", other[0], 4);
    want("nothing", strictpeer_add(object, 0), 0);
    want("lending to the monitor", thread_yield(), 0);
    want("a callee that lent it to a third and says no", strictpeer_fail(object, BYTES), -EIO);
    want("and afterwards", object[INSIDE]++, 4);
    want("freeing", xheap_free(object) | xheap_free(other), 0);
}

static void gives(void) {
    void *children[CHILDREN];
    uint8_t *object = filled(7);
    for (int i = 0; i < CHILDREN; i++) memset(children[i] = xheap_alloc(BYTES), 7, BYTES);
    want("attaching", xheap_attach(object, children, CHILDREN), 0);
    want("lending a root", strictpeer_add(object, BYTES), BYTES);
    want("lending a child", strictpeer_add(children[3], BYTES), BYTES);
    want("a child", ((uint8_t *)children[3])[INSIDE], 8);
    want("detaching", xheap_detach(children[0]), 0);
    want("what was detached", *(uint8_t *)children[0] + xheap_free(children[0]), 7);
    want("giving", strictpeer_keep(object), 0);
    want("that the receiver reaches a child", strictpeer_sum((uintptr_t)children[3]), 8);
    want("that the receiver frees them", strictpeer_drop(), 0);
    for (int round = 0; round < 3; round++) {
        want("objects that come back", strictpeer_make(GIVEN), GIVEN);
        int right = 0;
        for (unsigned i = 0; i < GIVEN; i++) {
            uint8_t *made = xheap_take(i);
            right += made && made[INSIDE] == (uint8_t)i && xheap_free(made) == 0;
        }
        want("each of them", right, GIVEN);
    }
}

// A caller that lends without a loan is told so, and the callee does not fault; nor does it lend what is not there.
static void refusals(void) {
    uint8_t *object = filled(9);
    want("the peer's own object", strictpeer_add((uint8_t *)strictpeer_object(), 8), -EFAULT);
    want("too many bytes", strictpeer_add(object, xheap_room(object) + 1), -EFAULT);
    want("a free object", xheap_free(object) + strictpeer_add(object, 8), -EFAULT);
}

// ---- what must not

int strict_other(void) {
    uint32_t event = STRICT_EVENT;
    while (!foreign) {
        uint32_t seen = event_count(event);
        if (!foreign && event_wait(event, seen, DEADLINE_NEVER) < 0) return 1;
    }
    (void)touch(foreign, true);
    return 0;
}

static int touch_lent(void) {
    foreign = filled(1);
    foreign += INSIDE;
    return strictpeer_hold(foreign - INSIDE, BYTES) < 0; // signals the event, and sleeps
}

static int touch_given(bool is_write) {
    uint8_t *object = filled(1);
    return strictpeer_keep(object) < 0 || touch(object + INSIDE, is_write);
}

static int touch_child(void) {
    uint8_t *object = filled(1);
    void *child = filled(1);
    return xheap_attach(object, &child, 1) < 0 || strictpeer_keep(object) < 0 || touch((uint8_t *)child + INSIDE, true);
}

static int touch_free(void) {
    uint8_t *objects[LARGE];
    for (int i = 0; i < LARGE; i++) memset(objects[i] = xheap_alloc(XHEAP_OBJECT_MAX), 1, 1);
    for (int i = 0; i < LARGE; i++) want("freeing", xheap_free(objects[i]), 0);
    for (int i = 0; i < LARGE; i++)
        if (!xheap_room(objects[i])) return touch(objects[i] + INSIDE, false);
    return 1;
}

static int by_peer(void) {
    uint8_t *object = filled(1);
    if (strictpeer_add(object, BYTES) < 0) return 1;
    log_line("strict: touching 0x%llx", (unsigned long long)(uintptr_t)(object + INSIDE));
    int result = strictpeer_touch((uintptr_t)(object + INSIDE));
    log_line("strict: touched");
    return result;
}

static int by_giver(void) {
    if (strictpeer_make(1) < 1) return 1;
    uint8_t *object = xheap_take(0);
    log_line("strict: touching 0x%llx", (unsigned long long)(uintptr_t)(object + INSIDE));
    int result = strictpeer_touch((uintptr_t)(object + INSIDE));
    log_line("strict: touched");
    return result;
}

static int by_third(bool is_lent) {
    uint8_t *object = filled(1);
    log_line("strict: touching 0x%llx", (unsigned long long)(uintptr_t)(object + INSIDE));
    int result = is_lent ? strictpeer_tell_third(object, BYTES, (uintptr_t)(object + INSIDE))
                         : strictthird_touch((uintptr_t)(object + INSIDE));
    log_line("strict: touched");
    return result;
}

int strict_main(void) {
    switch (boot_number("try", 0)) {
    case 0:
        for (int i = 0; i < 100; i++) lends(), gives(), refusals();
        log_line("strict: %s", wrong ? "wrong" : "right");
        return wrong != 0;
    case 1: return touch_given(false);
    case 2: return touch_given(true);
    case 3: return touch_child();
    case 4: return touch_lent();
    case 5: return by_peer();
    case 6: return by_giver();
    case 7: return by_third(false);
    case 8: return by_third(true);
    case 9: return touch_free();
    case 10: return touch((uint8_t *)arena + ARENA_BYTES - XHEAP_OBJECT_MAX + INSIDE, true);
    }
    return 1;
}
