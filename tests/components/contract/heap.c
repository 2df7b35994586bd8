// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// heap.c - what shared-heap/xheap.h promises.
#include "check.h"
#include "contract.h"
#include "contractpeer.h"
#include "errors.h"
#include "public.h"
#include "xheap.h"

static void *lent;

int contract_free_lent(void) { return xheap_free(lent); }

static void give_checks(void) {
    char *object = xheap_alloc(300);
    xheap_handle_t handle = xheap_handle(object);
    check("a handle names its object", xheap_resolve(handle) == object, 1);
    check("giving it away", contractpeer_eat(object), 0);
    if (!is_apart()) return;
    check("its handle is dead", xheap_resolve(handle) == NULL, 1);
    check("giving it twice is refused", contractpeer_eat(object), -EPERM);
    check("and so is freeing it", xheap_free(object), -EPERM);
    object = xheap_alloc(300);
    check("giving an interior pointer is refused", contractpeer_eat(object + 16), -EPERM);
    check("giving what is no heap address is refused", contractpeer_eat(&lent), -EINVAL);
    check("it is still ours", xheap_free(object), 0);
    check("giving what was freed is refused", contractpeer_eat(object), -ESTALE);
}

static void pass_checks(void) {
    check("sixty-four objects come back", contractpeer_make(GIVE_MAX), GIVE_MAX);
    int right = 0;
    for (unsigned i = 0; i < GIVE_MAX; i++) {
        uint32_t *object = xheap_take(i);
        right += object && *object == i && xheap_free(object) == 0;
    }
    check("each is ours, in order, and can be freed", right, GIVE_MAX);
    check("there is no sixty-fifth", xheap_take(GIVE_MAX) == NULL, 1);
    check("one more than fits is refused to the giver", contractpeer_make(GIVE_MAX + 1), GIVE_MAX);
    for (unsigned i = 0; i < GIVE_MAX; i++) right -= xheap_free(xheap_take(i)) == 0;
    check("and the others arrive", right, 0);
    check("none, when none is passed", contractpeer_make(0), 0);
    check("and the old ones cannot be taken again", xheap_take(0) == NULL, 1);
}

// A child's generation is a sum. It came back when the child moved to a root whose own was lower by as much as the child's had
// grown: then a stale handle named an object again. Each round makes the difference of the two roots smaller by one.
static bool handle_returns(void *child, void *older, void *newer) {
    for (int round = 0; round < 200; round++) {
        if (xheap_attach(older, &child, 1)) return true;
        xheap_handle_t handle = xheap_handle(child);
        if (xheap_resolve(handle) != child || xheap_detach(child)) return true;
        if (xheap_resolve(handle) || xheap_attach(newer, &child, 1) || xheap_resolve(handle) || xheap_detach(child)) return true;
        if (xheap_attach(newer, &older, 1) || xheap_detach(older)) return true; // older's own generation grows
    }
    return false;
}

static void child_checks(void) {
    void *child = xheap_alloc(300), *one = xheap_alloc(300), *other = xheap_alloc(300);
    xheap_handle_t handle = xheap_handle(child);
    check("a child is attached", xheap_attach(one, &child, 1), 0);
    check("its handle stays good", xheap_resolve(handle) == child, 1);
    check("it cannot be freed by itself", xheap_free(child), -EPERM);
    check("it is detached", xheap_detach(child), 0);
    check("no handle comes back from one root to another", handle_returns(child, one, other) || handle_returns(child, other, one), 0);
    check("a child is freed with its root", xheap_attach(one, &child, 1) || xheap_free(one), 0);
    check("and not again", xheap_free(child), -ESTALE);
    check("nor detached", xheap_detach(child), -EINVAL);
    check("the other root is freed", xheap_free(other), 0);
}

void heap_checks(void) {
    check("no object of no bytes", xheap_alloc(0) == NULL, 1);
    check("none above the largest size", xheap_alloc(XHEAP_OBJECT_MAX + 1) == NULL, 1);
    char *object = xheap_alloc(XHEAP_OBJECT_MAX);
    check("the largest one", xheap_room(object), XHEAP_OBJECT_MAX);
    check("room counts from the address", xheap_room(object + 60000), XHEAP_OBJECT_MAX - 60000);
    check("an interior pointer cannot be freed", xheap_free(object + 256), -EINVAL);
    check("freed once", xheap_free(object), 0);
    check("freed twice", xheap_free(object), -ESTALE);
    check("freeing private memory", xheap_free(&object), -EINVAL);
    uint64_t theirs = 0;
    check("the peer's object", contractpeer_object(&theirs), 0);
    if (is_apart()) check("cannot be freed here", xheap_free((void *)theirs), -EPERM);
    lent = xheap_alloc(512);
    if (is_apart()) check("freeing while it is lent", contractpeer_free_while_lent(lent, 512), -EBUSY);
    check("and after the call", xheap_free(lent), 0);
    give_checks();
    pass_checks();
    child_checks();
}
