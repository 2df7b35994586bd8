// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// client_origins.c - CONFIG_XHEAP_ORIGINS: where each object of this domain was allocated, or received.
//
// The link puts these functions in front of those that they are named for (scripts/image.py: --wrap), in each domain
// that uses them; without the option nothing refers to this file, and nothing is the slower for it.
// Invariant: an entry counts for the generation that it names: once the object has changed hands its place is not
// known, until xheap_take(), or the stub of a function that is given an object, notes it anew. Children's go with their
// root's, and with detaching.
#include "client.h"

// The monitor reads it, under the name origins_<domain> (core/monitor/objects.c).
struct origin domain_origins[XHEAP_GRANULES];

void *__real_xheap_alloc(size_t bytes);
void *__real_xheap_take(unsigned index);
size_t __real_xheap_take_all(void **objects, size_t max);
void __real_xheap_give_arrived(const void *address);
void *__wrap_xheap_alloc(size_t bytes);
void *__wrap_xheap_take(unsigned index);
size_t __wrap_xheap_take_all(void **objects, size_t max);
void __wrap_xheap_give_arrived(const void *address);

// frame: of a function above; its return address, and that of its caller, which is who wants to know when the first
// lies in a stub.
static void note(const void *object, const uint64_t *frame) {
    if (!xheap_contains(object)) return;
    struct view view = view_of(object);
    const uint64_t *above = (const uint64_t *)frame[0];
    domain_origins[view.granule] = (struct origin){generation_of(&view), (uint32_t)(frame[1] - TEXT_BASE),
        (uint32_t)(above[1] - TEXT_BASE)};
}

void *__wrap_xheap_alloc(size_t bytes) {
    void *object = __real_xheap_alloc(bytes);
    note(object, __builtin_frame_address(0));
    return object;
}

void *__wrap_xheap_take(unsigned index) {
    void *object = __real_xheap_take(index);
    note(object, __builtin_frame_address(0));
    return object;
}

size_t __wrap_xheap_take_all(void **objects, size_t max) {
    size_t count = __real_xheap_take_all(objects, max);
    for (size_t i = 0; i < count; i++) note(objects[i], __builtin_frame_address(0));
    return count;
}

void __wrap_xheap_give_arrived(const void *address) {
    __real_xheap_give_arrived(address);
    note(address, __builtin_frame_address(0));
}
