// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// test_xheap.c - the exchange heap's own code, outside an image: each error that xheap.h documents, each limit at its
// exact value, handles that went stale, and what a domain's death leaves. tests/heap/fuzz.c does the rest at random.
#include "fake.h"
#include "heap_system.h"

enum { A = DOMAIN_FIRST, B, C, D, H = HEAP_HOSTILE };
#define BYTES_OF(size_class) ((size_t)XHEAP_GRANULE_BYTES << (size_class))

static uint32_t calls[EXPORT_PART + 1], drained; // into the monitor

static void count_calls(enum heap_export which, const uint64_t arguments[6], int result) {
    (void)arguments;
    calls[which]++;
    if (which == EXPORT_DRAIN) drained += (uint32_t)result;
}

static int set_up(void **unused) {
    (void)unused;
    heap_reset();
    memset(calls, 0, sizeof(calls));
    drained = 0;
    heap_gate_after = count_calls;
    return 0;
}

static const struct heap_client *as_on(uint32_t domain, uint32_t thread) {
    heap_enter(domain, thread);
    return domain == H ? NULL : heap_clients[domain];
}
static const struct heap_client *as(uint32_t domain) { return as_on(domain, 0); }

static char *new_object(uint32_t domain, size_t bytes) {
    char *object = as(domain)->alloc(bytes);
    assert_non_null(object);
    return object;
}

static void give_to(uint32_t from, uint32_t to, void *object) {
    assert_int_equal(as(from)->give_begin(object), 0);
    assert_int_equal(gate_give(from, to, (uintptr_t)object), 0);
    as(to)->give_arrived(object);
}

// from runs a GATE_GIVES function that passes count objects to to; the index of the first.
static void hand_over(uint32_t from, uint32_t to, void **objects, size_t count) {
    as(from)->pass_open();
    assert_int_equal(as(from)->pass_all(objects, count), 0);
    uint64_t told = as(from)->pass_export();
    assert_int_equal(told, count);
    gate_gives(from, to, told);
    as(to)->pass_accept(0);
}

static uint32_t granule_at(const void *object) {
    return (uint32_t)(((uintptr_t)object - ARENA_BASE) / XHEAP_GRANULE_BYTES);
}
static uint64_t export_call(uint32_t domain, enum heap_export which, uint64_t a, uint64_t b) {
    heap_enter(domain, 0);
    return (uint64_t)(int64_t)heap_export_call(which, (uint64_t[6]){a, b});
}
#define assert_export(domain, which, a, b, wanted) assert_int_equal((int64_t)export_call(domain, which, a, b), wanted)

// ---- objects

static void sizes(void **unused) {
    (void)unused;
    for (uint32_t size_class = 0; size_class < XHEAP_CLASSES; size_class++) {
        size_t most = BYTES_OF(size_class), least = size_class ? most / 2 + 1 : 1;
        assert_int_equal(as(A)->room(new_object(A, most)), most);
        assert_int_equal(as(A)->room(new_object(A, least)), most);
    }
    assert_null(as(A)->alloc(0));
    assert_null(as(A)->alloc(XHEAP_OBJECT_MAX + 1));
    assert_null(as(A)->alloc(SIZE_MAX));
}

static void free_einval(void **unused) {
    (void)unused;
    char *object = new_object(A, 1024);
    char *const wrong[] = {NULL,
                           (char *)ARENA_BASE - 256,
                           (char *)ARENA_BASE + ARENA_BYTES,
                           (char *)UINTPTR_MAX,
                           object + 1,
                           object + 256,
                           object - 1,
                           object + 1023,
                           (char *)ARENA_BASE + XHEAP_CHUNK_BYTES}; // the last: a chunk without objects
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) assert_int_equal(as(A)->free(wrong[i]), -EINVAL);
    assert_int_equal(as(A)->free(object), 0);
}

static void free_eperm(void **unused) {
    (void)unused;
    void *object = new_object(A, 1), *root = new_object(A, 1);
    assert_int_equal(as(B)->free(object), -EPERM);
    assert_int_equal(as(A)->attach(root, &object, 1), 0);
    assert_int_equal(as(A)->free(object), -EPERM); // a root owns it
    assert_int_equal(as(A)->detach(object), 0);
    assert_int_equal(as(A)->free(object), 0);
}

static void free_ebusy(void **unused) {
    (void)unused;
    void *object = new_object(A, 300), *root = new_object(A, 1);
    assert_int_equal(as(A)->attach(root, &object, 1), 0);
    assert_int_equal(as_on(A, 5)->lend_begin((char *)object + 10, 10), 0);
    assert_int_equal(as_on(A, 4)->free(root), -EBUSY); // a child is lent, by another thread
    as_on(A, 5)->lend_end();
    assert_int_equal(as(A)->lend_begin(root, 1), 0);
    assert_int_equal(as(A)->free(root), -EBUSY);
    as(A)->lend_end();
    assert_int_equal(as(A)->free(root), 0);
}

static void free_estale(void **unused) {
    (void)unused;
    void *object = new_object(A, 1), *passed = new_object(A, 1);
    assert_int_equal(as(A)->free(object), 0);
    assert_int_equal(as(A)->free(object), -ESTALE);
    as(A)->pass_open();
    assert_int_equal(as(A)->pass(passed), 0);
    assert_int_equal(as(A)->free(passed), -ESTALE);
    (void)!as(A)->pass_export();
    gate_gives(A, B, 1);
    assert_int_equal(as(A)->free(passed), -EPERM);
    as(B)->pass_accept(0);
    assert_ptr_equal(as(B)->take(0), passed);
    assert_export(B, EXPORT_DRAIN, granule_at(passed) + 1, 0, 1);
    assert_int_equal(as(A)->free(passed), -ESTALE); // with the monitor
}

static void what_is_known(void **unused) {
    (void)unused;
    char *object = new_object(A, 1000);
    assert_int_equal(as(B)->room(object + 1000), 24);
    assert_int_equal(as(B)->room((char *)ARENA_BASE - 1), 0);
    assert_int_equal(as(B)->room((char *)ARENA_BASE + ARENA_BYTES), 0);
    assert_int_equal(as(B)->owner_of(object, 1024), A);
    assert_int_equal(as(B)->owner_of(object, 1025), 0);
    assert_int_equal(as(B)->owner_of(object + 1, SIZE_MAX), 0);
    assert_int_equal(as(B)->check(object, 1024), 0);
    assert_int_equal(as(B)->check(object, 1025), -EFAULT);
    assert_int_equal(as(B)->check(object + 1023, 2), -EFAULT);
    assert_int_equal(as(B)->check(&object, 1), -EFAULT);
    assert_int_equal(as(A)->check(object, 1), -EFAULT); // its own
    assert_null(as(A)->root(object));
}

// ---- limits

static void magazine_limits(void **unused) {
    (void)unused;
    static const uint8_t keep[XHEAP_CLASSES] = {63, 63, 63, 63, 32, 16, 8, 4, 4};
    for (uint32_t size_class = 0; size_class < XHEAP_CLASSES; size_class++) {
        set_up(NULL);
        uint32_t wanted = keep[size_class] / 2 + 1u;
        if (wanted > 131072 / BYTES_OF(size_class)) wanted = (uint32_t)(131072 / BYTES_OF(size_class));
        char *objects[64];
        for (uint32_t i = 0; i < wanted; i++) objects[i] = new_object(A, BYTES_OF(size_class));
        assert_int_equal(calls[EXPORT_REFILL], 1);
        for (uint32_t i = wanted; i <= keep[size_class]; i++) objects[i] = new_object(A, BYTES_OF(size_class));
        struct magazine *magazine = &as(A)->magazines[0][size_class];
        while (magazine->count) (void)!new_object(A, BYTES_OF(size_class)); // stays out
        for (uint32_t i = 0; i < keep[size_class]; i++) assert_int_equal(as(A)->free(objects[i]), 0);
        assert_int_equal(calls[EXPORT_DRAIN], 0);
        assert_int_equal(magazine->count, keep[size_class]);
        assert_int_equal(as(A)->free(objects[keep[size_class]]), 0); // one more than fits
        assert_int_equal(calls[EXPORT_DRAIN], 1);
        uint32_t part = keep[size_class] / 2 < XHEAP_DRAIN_BATCH ? keep[size_class] / 2 : XHEAP_DRAIN_BATCH;
        assert_int_equal(drained, part);
        assert_int_equal(magazine->count, keep[size_class] - part + 1);
        assert_int_equal(as_on(A, 1)->magazines[1][size_class].count, 0); // each thread has its own
    }
}

static void quota_in_objects(void **unused) {
    (void)unused;
    heap_domains[A].shared_objects_max = 40;
    for (int i = 0; i < 40; i++) (void)!new_object(A, 1);
    assert_null(as(A)->alloc(1));
    assert_int_equal(heap_account[A].objects, 40);
    assert_int_equal(heap_account[A].most_objects, 40);
    assert_int_equal(heap_account[A].refusals, 2); // the refill that it cut short, and the one that got nothing
    assert_non_null(as(B)->alloc(1));
}

static void quota_in_bytes(void **unused) {
    (void)unused;
    heap_domains[A].shared_bytes_max = 5 * 65536 + 4095;
    for (int i = 0; i < 5; i++) (void)!new_object(A, 65536);
    assert_null(as(A)->alloc(65536));
    assert_int_equal(heap_account[A].bytes, 5 * 65536);
    assert_null(as(A)->alloc(4096));
    assert_non_null(as(A)->alloc(2048));
}

static void given_objects_count_for_who_took_them(void **unused) {
    (void)unused;
    heap_domains[A].shared_objects_max = 1;
    void *object = new_object(A, 65536);
    give_to(A, B, object);
    assert_null(as(A)->alloc(65536));
    assert_int_equal(as(B)->free(object), 0);
    assert_null(as(A)->alloc(65536)); // in B's cache
    assert_ptr_equal(as(B)->alloc(65536), object);
    assert_export(B, EXPORT_DRAIN, granule_at(object) + 1, 0, 1);
    assert_non_null(as(A)->alloc(65536));
}

static void a_full_heap(void **unused) {
    (void)unused;
    for (uint32_t d = A; d <= H; d++)
        heap_domains[d].shared_bytes_max = ARENA_BYTES, heap_domains[d].shared_objects_max = XHEAP_GRANULES;
    void *last = NULL, *object;
    for (uint32_t i = 0; i < XHEAP_CHUNKS; i++) last = new_object(i % 2 ? A : B, 65536);
    assert_null(as(C)->alloc(1));
    assert_export(C, EXPORT_REFILL, 0, 1, -ENOMEM);
    assert_int_equal(as(A)->free(last), 0);
    assert_null(as(C)->alloc(65536)); // it lies in A's cache
    assert_ptr_equal(object = as(A)->alloc(65536), last);
    assert_export(A, EXPORT_DRAIN, granule_at(object) + 1, 0, 1);
    assert_ptr_equal(as(C)->alloc(65536), last);
}

static void lends_max(void **unused) {
    (void)unused;
    void *object = new_object(A, 1), *borrowed = new_object(B, 1);
    for (uint32_t i = 0; i < LENDS_MAX; i++) assert_int_equal(as(A)->lend_begin(i % 2 ? object : borrowed, 1), 0);
    assert_int_equal(as(A)->lend_begin(object, 1), -EBUSY);
    assert_int_equal(as_on(A, 1)->lend_begin(object, 1), 0); // per thread
    as_on(A, 1)->lend_end();
    for (uint32_t left = LENDS_MAX; left > 1; left--) {
        assert_int_equal(as(A)->free(object), -EBUSY);
        as(A)->lend_end();
    }
    assert_int_equal(as(A)->free(object), 0); // the one that is left is of borrowed
    as(A)->lend_end();
}

// Another domain's object, lent on, which comes to us before that loan ends: it is ours to free.
static void lent_on_and_then_received(void **unused) {
    (void)unused;
    void *object = new_object(B, 1);
    assert_int_equal(as(A)->lend_begin(object, 1), 0);
    give_to(B, A, object);
    assert_int_equal(as(A)->free(object), 0);
    as(A)->lend_end();
}

static void lend_errors(void **unused) {
    (void)unused;
    char *object = new_object(A, 256), *passed = new_object(A, 256), *freed = new_object(A, 256),
         *with_monitor = new_object(A, 256);
    assert_int_equal(as(A)->lend_begin(object, 257), -EFAULT);
    assert_int_equal(as(A)->lend_begin(object + 255, 2), -EFAULT);
    assert_int_equal(as(A)->lend_begin(&object, 1), -EFAULT);
    assert_int_equal(as(A)->free(freed), 0);
    assert_int_equal(as(A)->lend_begin(freed, 1), -EFAULT);
    as(A)->pass_open();
    assert_int_equal(as(A)->pass(passed), 0);
    assert_int_equal(as(A)->lend_begin(passed, 1), -EFAULT);
    assert_export(A, EXPORT_DRAIN, granule_at(with_monitor) + 1, 0, 1);
    assert_int_equal(as(A)->lend_begin(with_monitor, 1), -EFAULT);
    for (uint32_t t = 0; t < THREAD_MAX; t++) assert_int_equal(as(A)->lends[t].count, 0); // a failure leaves no record
}

// ---- giving

static void give_errors(void **unused) {
    (void)unused;
    void *object = new_object(A, 1024), *child = new_object(A, 1), *root = new_object(A, 1);
    assert_int_equal(as(A)->attach(root, &child, 1), 0);
    assert_int_equal(as(A)->give_begin(&object), -EINVAL);
    assert_int_equal(as(A)->give_begin((char *)ARENA_BASE + ARENA_BYTES), -EINVAL);
    assert_int_equal(as(A)->give_begin((char *)object + 256), -EPERM);
    assert_int_equal(as(A)->give_begin((char *)object + 1), -EPERM);
    assert_int_equal(as(A)->give_begin(child), -EPERM);
    assert_int_equal(as(B)->give_begin(object), -EPERM);
    assert_int_equal(as(A)->lend_begin(object, 1), 0);
    assert_int_equal(as(A)->give_begin(object), -EBUSY);
    as(A)->lend_end();
    assert_int_equal(as(A)->free(object), 0);
    assert_int_equal(as(A)->give_begin(object), -ESTALE);
    // The gate itself, whatever the stub said.
    assert_int_equal(gate_give(B, A, (uintptr_t)object), -EPERM);
    assert_int_equal(gate_give(A, B, (uintptr_t)object + 1), -EPERM);
    assert_int_equal(gate_give(A, B, (uintptr_t)object + 256), -EPERM);
    assert_int_equal(gate_give(A, B, (uintptr_t)child), -EPERM);
    assert_int_equal(gate_give(A, B, ARENA_BASE - 256), -EPERM);
    assert_int_equal(gate_give(A, B, ARENA_BASE + ARENA_BYTES), -EPERM);
}

static void pass_errors(void **unused) {
    (void)unused;
    void *objects[GIVE_MAX + 1];
    for (int i = 0; i <= GIVE_MAX; i++) objects[i] = new_object(A, 1);
    void *const foreign = new_object(B, 1);
    assert_int_equal(as(A)->pass(objects[0]), -E2BIG); // outside a GATE_GIVES function
    as(A)->pass_open();
    assert_int_equal(as(A)->pass_all(objects, 0), -EINVAL);
    assert_int_equal(as(A)->pass_all(objects, GIVE_MAX + 1), -E2BIG);
    assert_int_equal(as(A)->pass((char *)objects[0] + 1), -EINVAL);
    assert_int_equal(as(A)->pass(foreign), -EPERM);
    assert_int_equal(as(A)->lend_begin(objects[2], 1), 0);
    assert_int_equal(as(A)->pass_all(objects, 4), -EBUSY); // all or none
    as(A)->lend_end();
    assert_int_equal(as(A)->pass_all((void *[]){objects[1], objects[1]}, 2), -ESTALE);
    assert_int_equal(as(A)->pass(objects[1]), 0);
    assert_int_equal(as(A)->pass(objects[1]), -ESTALE);
    assert_int_equal(as(A)->pass_all(objects, SIZE_MAX), -E2BIG); // together with the one before, 0
    assert_int_equal(as(A)->pass(objects[0]), 1);
    assert_int_equal(as(A)->pass_all(objects + 2, GIVE_MAX - 2), 2);
    assert_int_equal(as(A)->pass(objects[GIVE_MAX]), -E2BIG); // full
    assert_int_equal(as(A)->free(objects[GIVE_MAX]), 0);
}

static void pass_nested(void **unused) {
    (void)unused;
    void *objects[6], *taken[GIVE_MAX];
    for (int i = 0; i < 6; i++) objects[i] = new_object(A, 1);
    for (int level = 0; level < 4; level++) {
        as(A)->pass_open();
        assert_int_equal(as(A)->pass(objects[level]), 0); // each level counts from 0
    }
    as(A)->pass_open();
    assert_int_equal(as(A)->pass(objects[4]), -E2BIG); // the fifth
    as(A)->pass_publish();
    assert_null(as(A)->take(0));
    for (int level = 3; level >= 0; level--) {
        as(A)->pass_publish();
        assert_int_equal(as(A)->take_all(taken, GIVE_MAX), 1);
        assert_ptr_equal(taken[0], objects[level]);
        assert_int_equal(as(A)->free(taken[0]), 0);
    }
    as(A)->pass_open(); // and all is as before
    assert_int_equal(as(A)->pass(objects[4]), 0);
    assert_int_equal(as(A)->pass_export(), 1);
}

static void take_what_the_giver_owned(void **unused) {
    (void)unused;
    void *own = new_object(A, 1), *foreign = new_object(C, 1), *places[4];
    as(A)->gives[0].object[0] = (uintptr_t)foreign;
    as(A)->gives[0].object[1] = (uintptr_t)own;
    as(A)->gives[0].object[2] = (uintptr_t)own;       // twice
    as(A)->gives[0].object[3] = (uintptr_t)own + 256; // interior, or another
    gate_gives(A, B, 4);
    as(B)->pass_accept(0);
    assert_null(as(B)->take(0));
    assert_ptr_equal(as(B)->take(1), own);
    assert_null(as(B)->take(2));
    assert_null(as(B)->take(3));
    assert_null(as(B)->take(4));
    assert_int_equal(as(B)->take_all(places, 2), 2);
    assert_null(places[0]);
    assert_ptr_equal(places[1], own);
    give_to(B, C, own);
    assert_null(as(B)->take(1)); // given away since
    gate_gives(A, B, GIVE_MAX + 1);
    as(B)->pass_accept(0);
    assert_int_equal(as(B)->take_all(places, 4), 0);
}

// The list on the public page is then that of the thread's last refill: the objects in its own cache.
static void nothing_is_taken_from_the_dead(void **unused) {
    (void)unused;
    (void)!new_object(A, 1);
    assert_int_equal(public_area.given[0].count, XHEAP_BATCH);
    as(A)->pass_accept(-EDOMAINDEAD);
    assert_null(as(A)->take(1));
    assert_int_equal(as(A)->free((void *)public_area.given[0].object[1]), -ESTALE);
}

// ---- roots and children

static void attach_errors(void **unused) {
    (void)unused;
    void *root = new_object(A, 1), *child = new_object(A, 1), *other = new_object(A, 1), *foreign = new_object(B, 1),
         *freed = new_object(A, 1);
    void *second[] = {child, root}, *inside = (char *)child + 1, *none = NULL;
    const struct heap_client *a = as(A);
    assert_int_equal(a->attach(root, &none, 0), 0);
    assert_int_equal(a->attach(inside, &other, 1), -EINVAL);
    assert_int_equal(a->attach(foreign, &other, 1), -EPERM);
    assert_int_equal(a->attach(root, &inside, 1), -EINVAL);
    assert_int_equal(a->attach(root, &none, 1), -EINVAL);
    assert_int_equal(a->attach(root, &foreign, 1), -EPERM);
    assert_int_equal(a->attach(root, second, 2), -EINVAL); // root among them; the first is attached
    assert_ptr_equal(a->root(child), root);
    assert_int_equal(a->attach(root, &child, 1), -EPERM);  // somebody's child
    assert_int_equal(a->attach(child, &other, 1), -EPERM);
    assert_int_equal(a->attach(other, &root, 1), -EPERM);  // has children
    assert_int_equal(a->free(freed), 0);
    assert_int_equal(a->attach(root, &freed, 1), -ESTALE);
    assert_int_equal(a->attach(freed, &other, 1), -ESTALE);
    assert_int_equal(a->lend_begin(other, 1), 0);
    assert_int_equal(a->attach(root, &other, 1), -EBUSY);
    assert_int_equal(a->attach(other, &root, 1), -EBUSY);
    a->lend_end();
    assert_int_equal(a->attach(root, &other, 1), 0); // a refusal changed nothing
}

static void detach_errors(void **unused) {
    (void)unused;
    void *root = new_object(A, 1), *child = new_object(A, 1);
    const struct heap_client *a = as(A);
    assert_int_equal(a->detach(child), -EINVAL);
    assert_int_equal(a->attach(root, &child, 1), 0);
    assert_int_equal(a->detach((char *)child + 1), -EINVAL);
    assert_int_equal(a->detach(root), -EINVAL);
    assert_int_equal(as(B)->detach(child), -EPERM);
    assert_int_equal(as(A)->lend_begin(root, 1), 0);
    assert_int_equal(a->detach(child), -EBUSY);
    a->lend_end();
    a->pass_open();
    assert_int_equal(a->pass(root), 0);
    assert_int_equal(a->detach(child), -ESTALE);
}

// The longest chain moves in one step, and is freed in one; one more child is refused.
static void chain_of_255(void **unused) {
    (void)unused;
    void *children[XHEAP_CHILDREN_MAX], *root = new_object(A, 65536), *more = new_object(A, 256);
    for (int i = 0; i < XHEAP_CHILDREN_MAX; i++) children[i] = new_object(A, i % 2 ? 256 : 1024);
    assert_int_equal(as(A)->attach(root, children, XHEAP_CHILDREN_MAX), 0);
    assert_int_equal(calls[EXPORT_JOIN], XHEAP_CHILDREN_MAX / XHEAP_JOIN_BATCH);
    assert_int_equal(as(A)->attach(root, &more, 1), -E2BIG);
    assert_int_equal(as(A)->free(more), 0);
    xheap_handle_t handle = as(A)->handle(children[7]);
    give_to(A, B, root);
    for (int i = 0; i < XHEAP_CHILDREN_MAX; i++) assert_int_equal(as(C)->owner_of(children[i], 1), B);
    assert_null(as(A)->resolve(handle));
    assert_int_equal(as(A)->free(children[3]), -EPERM);
    assert_int_equal(as(B)->detach(children[200]), 0);
    assert_int_equal(as(B)->free(children[200]), 0);
    uint32_t objects = heap_account[A].objects;
    assert_int_equal(as(B)->free(root), 0);
    assert_int_equal(heap_account[A].objects,
                     objects - XHEAP_CHILDREN_MAX); // 254 children, the root; one is in B's cache
    for (int i = 0; i < XHEAP_CHILDREN_MAX; i++) assert_int_equal(as(C)->owner_of(children[i], 1), i == 200 ? B : 0);
}

// ---- handles

static void handles_go_stale(void **unused) {
    (void)unused;
    const struct heap_client *a = as(A);
    void *object = new_object(A, 1), *root = new_object(A, 1);
    assert_int_equal(a->handle(&object), 0);
    assert_null(a->resolve(0));
    xheap_handle_t handle = a->handle(object);
    assert_ptr_equal(a->resolve(handle), object);
    assert_int_equal(as(B)->handle(object), 0);
    assert_null(as(B)->resolve(handle));
    // attach: it lives on
    assert_int_equal(as(A)->attach(root, &object, 1), 0);
    assert_ptr_equal(a->resolve(handle), object);
    // give, and back
    give_to(A, B, root);
    assert_null(as(A)->resolve(handle));
    give_to(B, A, root);
    assert_null(a->resolve(handle));
    // detach
    handle = a->handle(object);
    assert_ptr_equal(a->resolve(handle), object);
    assert_int_equal(a->detach(object), 0);
    assert_null(a->resolve(handle));
    // free, also after the same place is allocated again
    handle = a->handle(object);
    assert_int_equal(a->free(object), 0);
    assert_null(a->resolve(handle));
    assert_ptr_equal(a->alloc(1), object);
    assert_null(a->resolve(handle));
    // drain, and back by a refill
    handle = a->handle(object);
    assert_export(A, EXPORT_DRAIN, granule_at(object) + 1, 0, 1);
    assert_null(a->resolve(handle));
    for (uint32_t i = 0; i < XHEAP_GRANULES / 2; i++)
        if (as_on(A, 1)->alloc(1) == object) break;
    assert_int_equal(as(A)->owner_of(object, 1), A);
    assert_null(a->resolve(handle));
    // a restart
    handle = a->handle(object);
    assert_ptr_equal(a->resolve(handle), object);
    (void)heap_reclaim(A, heap_generation[A], 0);
    heap_restart(A);
    for (uint32_t i = 0; i < XHEAP_GRANULES / 2; i++)
        if (as(A)->alloc(1) == object) break;
    assert_int_equal(as(A)->owner_of(object, 1), A);
    assert_null(a->resolve(handle));
}

// The owner's own count has 14 bits: when it runs over, the object goes back to the monitor, whose generation changes.
static void count_runs_over(void **unused) {
    (void)unused;
    void *object = new_object(A, 65536), *first = object;
    xheap_handle_t handle = as(A)->handle(object);
    uint32_t generation = owner_table[granule_at(object)].generation;
    for (uint32_t i = 1; i < 1 << 14; i++) {
        assert_int_equal(calls[EXPORT_DRAIN], 0);
        assert_int_equal(as(A)->free(object), 0);
        assert_null(as(A)->resolve(handle));
        object = new_object(A, 65536);
        assert_null(as(A)->resolve(handle));
    }
    assert_int_equal(calls[EXPORT_DRAIN], 1);
    assert_int_equal(owner_table[granule_at(first)].generation, generation + 1); // with the monitor
    for (uint32_t i = 0; i < 8; i++) {
        object = as(A)->alloc(65536);
        assert_null(as(A)->resolve(handle));
    }
    assert_int_equal(owner_table[granule_at(first)].generation, generation + 2); // and back
}

// ---- the monitor's exports, called with anything

static void export_errors(void **unused) {
    (void)unused;
    uint64_t own = granule_at(new_object(A, 1)), child = granule_at(new_object(A, 1)),
             foreign = granule_at(new_object(B, 1));
    assert_export(A, EXPORT_REFILL, XHEAP_CLASSES, 1, -EINVAL);
    assert_export(A, EXPORT_REFILL, UINT32_MAX, 1, -EINVAL);
    assert_export(A, EXPORT_REFILL, 0, 0, -EINVAL);
    assert_export(A, EXPORT_REFILL, 0, XHEAP_BATCH + 1, -EINVAL);
    assert_export(A, EXPORT_REFILL, 8, XHEAP_BATCH, 2); // what one call zeroes at most
    assert_export(A, EXPORT_DRAIN, 0, 0, 0);
    assert_export(A, EXPORT_DRAIN, foreign + 1, 0, -EPERM);
    assert_export(A, EXPORT_DRAIN, XHEAP_GRANULES + 1, 0, -EPERM);
    assert_export(A, EXPORT_DRAIN, (1 << XHEAP_NUMBER_BITS) - 1, 0, -EPERM);
    assert_export(A, EXPORT_JOIN, XHEAP_GRANULES, own + 1, -EPERM);
    assert_export(A, EXPORT_JOIN, (1ull << 32) + own, child + 1, -EPERM); // not cut to 32 bits
    assert_export(A, EXPORT_JOIN, foreign, own + 1, -EPERM);
    assert_export(A, EXPORT_JOIN, own, foreign + 1, -EPERM);
    assert_export(A, EXPORT_JOIN, own, own + 1, -EINVAL);
    assert_export(A, EXPORT_PART, own, 0, -EINVAL);
    assert_export(A, EXPORT_PART, 1ull << 40, 0, -EINVAL);
    assert_export(A, EXPORT_JOIN, own, (child + 1) | (child + 1) << XHEAP_NUMBER_BITS, 0); // the same one twice is one
    assert_int_equal(owner_table[own].owner_link & 0xff, 1);
    assert_export(A, EXPORT_JOIN, child, own + 1, -EPERM);
    assert_export(A, EXPORT_DRAIN, child + 1, 0, -EPERM); // its root has to go
    assert_export(B, EXPORT_PART, child, 0, -EPERM);
    assert_export(A, EXPORT_PART, (1ull << 32) + child, 0, -EINVAL);
    // Of several only the caller's own go.
    assert_export(A, EXPORT_DRAIN, (foreign + 1) | (own + 1) << XHEAP_NUMBER_BITS | (own + 1) << 2 * XHEAP_NUMBER_BITS,
                  0, -EPERM);
    assert_int_equal(owner_table[own].owner_link | owner_table[child].owner_link, 0);
    assert_int_equal(owner_table[foreign].owner_link >> 24, B);
}

// ---- death

static void what_was_lent_outlives_its_owner(void **unused) {
    (void)unused;
    void *object = new_object(A, 1), *root = new_object(A, 1), *kept = new_object(A, 1);
    assert_int_equal(as(A)->attach(root, &object, 1), 0);
    assert_int_equal(as_on(A, 1)->lend_begin(object, 1), 0);
    assert_int_equal(as_on(A, 2)->lend_begin(object, 1), 0);
    uint32_t objects = heap_account[A].objects;
    assert_int_equal(heap_reclaim(A, 1, 1 << 1 | 1 << 2), objects - 2);
    assert_int_equal(heap_reclaim(A, 1, 1 << 1 | 1 << 2), 0); // once
    heap_restart(A);
    void *mine = new_object(A, 1);
    assert_int_equal(heap_reclaim(A, 1, 0), 0); // its successor's stay
    assert_int_equal(as(A)->free(mine), 0);
    assert_int_equal(heap_reclaim(A, 2, 0), XHEAP_BATCH);
    assert_int_equal(as(B)->owner_of(object, 1), XHEAP_ORPHAN);
    assert_int_equal(as(B)->check(object, 1), 0); // the borrower can lend it on
    assert_int_equal(as(A)->free(root), -EPERM);
    assert_int_equal(as(A)->owner_of(kept, 1), 0);
    assert_int_equal(heap_account[A].objects, 2);
    assert_int_equal(heap_orphans_drop(5), 0);
    assert_int_equal(heap_orphans_drop(2), 0);
    assert_int_equal(heap_orphans_drop(1), 2);
    assert_int_equal(heap_orphans_drop(1), 0);
    assert_int_equal(heap_account[A].objects, 0);
}

static void what_it_had_borrowed_is_untrusted(void **unused) {
    (void)unused;
    void *object = new_object(A, 1), *own = new_object(A, 1), *child = new_object(A, 1), *elsewhere = new_object(A, 1);
    assert_int_equal(as(A)->lend_begin(object, 1), 0);
    assert_int_equal(as_on(A, 3)->lend_begin(elsewhere, 1), 0);
    (void)heap_reclaim(B, 1, 1 << 0);
    as(A)->lend_end();
    as_on(A, 3)->lend_end();
    assert_true(as(A)->is_untrusted(object));
    assert_false(as(A)->is_untrusted(elsewhere)); // of a thread that was not inside
    assert_int_equal(as(A)->attach(own, &object, 1), 0);
    assert_true(as(A)->is_untrusted(own)); // its root is as good as its children
    assert_int_equal(as(A)->attach(own, &child, 1), 0);
    assert_int_equal(as(A)->detach(child), 0);
    assert_true(as(A)->is_untrusted(child));
    assert_int_equal(as(A)->free(child), 0);
    assert_int_equal(as(B)->owner_of(child, 1), 0); // back to the monitor, not into the cache
}

static void the_dead_do_not_pay(void **unused) {
    (void)unused;
    void *given = new_object(A, 65536);
    give_to(A, B, given);
    assert_int_equal(heap_account[B].bytes, 0);
    (void)heap_reclaim(A, 1, 0);
    assert_int_equal(heap_account[A].bytes, 0);
    assert_int_equal(heap_account[B].bytes, 65536);
    assert_int_equal(heap_account[B].most_bytes, 65536);
}

// Whatever a domain wrote where the monitor reads what it had lent: nothing of others is touched, and its own comes
// back in the end.
static void forged_loans(void **unused) {
    (void)unused;
    void *victims[8], *child = new_object(B, 1);
    for (int i = 0; i < 8; i++) victims[i] = new_object(B, 1);
    assert_int_equal(as(B)->attach(victims[0], &child, 1), 0);
    (void)heap_reclaim(C, 1, 0);
    for (uint32_t life = 1; life < 50; life++) {
        heap_enter(H, 0);
        assert_int_equal(heap_export_call(EXPORT_REFILL, (uint64_t[6]){0, XHEAP_BATCH}), XHEAP_BATCH);
        uint32_t own = granule_at((void *)public_area.given[0].object[life % XHEAP_BATCH]);
        const uint32_t words[] = {
            0,   UINT32_MAX, XHEAP_GRANULES, XHEAP_GRANULES - 1, granule_at(victims[life % 8]), granule_at(child),
            own, own};
        for (uint32_t t = 0; t < THREAD_MAX; t++) {
            hostile_lends[t].count = life % 4 == 0 && t % 2 ? LENDS_MAX + 1 + random_next() : LENDS_MAX;
            for (uint32_t i = 0; i < LENDS_MAX; i++) hostile_lends[t].granule[i] = words[random_below(8)];
        }
        assert_int_equal(heap_reclaim(H, life, UINT32_MAX), XHEAP_BATCH - 1);
        assert_int_equal(heap_account[H].objects, 1); // it pays for what it had said was lent
        for (uint32_t t = 0; t < THREAD_MAX; t++) (void)heap_orphans_drop(t);
        assert_int_equal(heap_account[H].objects, 0);
        for (int i = 0; i < 8; i++) assert_int_equal(as(B)->owner_of(victims[i], 1), B);
        assert_false(as(B)->is_untrusted(victims[life % 8]));
    }
    assert_int_equal(heap_reclaim(H, 49, UINT32_MAX), 0);
    assert_int_equal(
        heap_reclaim(DOMAIN_MONITOR, 1, 0) + heap_reclaim(HEAP_DOMAINS, 1, 0) + heap_reclaim(UINT32_MAX, 1, 0), 0);
}

static uint32_t cached(uint32_t domain) {
    uint32_t count = 0;
    for (uint32_t t = 0; t < THREAD_MAX; t++)
        for (uint32_t size_class = 0; size_class < XHEAP_CLASSES; size_class++)
            count += heap_clients[domain]->magazines[t][size_class].count;
    return count;
}

static uint32_t objects_held(void) {
    uint32_t count = 0;
    for (uint32_t g = 0; g < XHEAP_GRANULES; g++) count += owner_table[g].owner_link != 0;
    return count;
}

// A thousand deaths, with the others at work between; afterwards everything is where it was, to the object.
static void a_thousand_deaths(void **unused) {
    (void)unused;
    enum { LIVES = 1000, KEPT = 40 };
    void *kept[KEPT], *lent = new_object(B, 300);
    for (int i = 0; i < KEPT; i++) memset(kept[i] = new_object(B, 256u << i % 4), 0x40 + i, 256);
    for (uint32_t life = 1; life <= LIVES; life++) {
        void *objects[60];
        for (int i = 0; i < 60; i++) objects[i] = as_on(A, random_below(4))->alloc(1 + random_below(5000));
        for (int i = 0; i < 10; i++) assert_int_equal(as_on(A, random_below(4))->free(objects[i]), 0);
        give_to(A, C, objects[10]);
        hand_over(A, B, &objects[11], 3);
        for (unsigned i = 0; i < 3; i++) assert_ptr_equal(as(B)->take(i), objects[11 + i]);
        assert_int_equal(as(A)->attach(objects[14], &objects[15], 20), 0);
        give_to(B, A, kept[0]);
        assert_int_equal(as_on(A, 1)->lend_begin(objects[16], 1), 0); // of the chain
        assert_int_equal(as_on(A, 2)->lend_begin(objects[40], 1), 0);
        assert_int_equal(as_on(B, 2)->lend_begin(lent, 1), 0);
        as(A)->pass_open();
        assert_int_equal(as(A)->pass(objects[41]), 0); // in transit

        uint32_t held = 0;
        for (uint32_t g = 0; g < XHEAP_GRANULES; g++)
            held += owner_table[g].owner_link && as(D)->owner_of((void *)(ARENA_BASE + g * 256ull), 1) == A;
        assert_int_equal(heap_reclaim(A, heap_generation[A], 1 << 1 | 1 << 2), held - 22); // the chain of 21, and one
        heap_restart(A);
        assert_int_equal(heap_account[A].objects, 22);
        assert_true(as(B)->is_untrusted(lent));
        as_on(B, 2)->lend_end();

        // Others go on before the borrowers have left.
        void *work = as(B)->alloc(700);
        give_to(B, C, work);
        assert_int_equal(as(C)->free(work), 0);
        assert_int_equal(heap_orphans_drop(1), 0);
        assert_int_equal(heap_orphans_drop(2), 22);
        assert_int_equal(heap_account[A].objects, 0);
        assert_int_equal(heap_account[A].bytes, 0);

        assert_int_equal(as(C)->free(objects[10]), 0);
        for (unsigned i = 0; i < 3; i++) assert_int_equal(as(B)->free(objects[11 + i]), 0);
        assert_int_equal(as(B)->free(lent), 0);
        lent = new_object(B, 300);
        memset(kept[0] = new_object(B, 256), 0x40, 256);
        assert_int_equal(objects_held(), KEPT + 1 + cached(B) + cached(C));
        assert_int_equal(objects_held(), heap_account[B].objects + heap_account[C].objects);
        for (int i = 0; i < KEPT; i++) assert_int_equal(*(unsigned char *)kept[i], 0x40 + i);
    }
    for (uint32_t d = A; d <= C; d++) (void)heap_reclaim(d, heap_generation[d], 0);
    for (uint32_t d = A; d <= H; d++) assert_int_equal(heap_account[d].objects + heap_account[d].bytes, 0);
    assert_int_equal(objects_held(), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(sizes, set_up),
        cmocka_unit_test_setup(free_einval, set_up),
        cmocka_unit_test_setup(free_eperm, set_up),
        cmocka_unit_test_setup(free_ebusy, set_up),
        cmocka_unit_test_setup(free_estale, set_up),
        cmocka_unit_test_setup(what_is_known, set_up),
        cmocka_unit_test_setup(magazine_limits, set_up),
        cmocka_unit_test_setup(quota_in_objects, set_up),
        cmocka_unit_test_setup(quota_in_bytes, set_up),
        cmocka_unit_test_setup(given_objects_count_for_who_took_them, set_up),
        cmocka_unit_test_setup(a_full_heap, set_up),
        cmocka_unit_test_setup(lends_max, set_up),
        cmocka_unit_test_setup(lent_on_and_then_received, set_up),
        cmocka_unit_test_setup(lend_errors, set_up),
        cmocka_unit_test_setup(give_errors, set_up),
        cmocka_unit_test_setup(pass_errors, set_up),
        cmocka_unit_test_setup(pass_nested, set_up),
        cmocka_unit_test_setup(take_what_the_giver_owned, set_up),
        cmocka_unit_test_setup(nothing_is_taken_from_the_dead, set_up),
        cmocka_unit_test_setup(attach_errors, set_up),
        cmocka_unit_test_setup(detach_errors, set_up),
        cmocka_unit_test_setup(chain_of_255, set_up),
        cmocka_unit_test_setup(handles_go_stale, set_up),
        cmocka_unit_test_setup(count_runs_over, set_up),
        cmocka_unit_test_setup(export_errors, set_up),
        cmocka_unit_test_setup(what_was_lent_outlives_its_owner, set_up),
        cmocka_unit_test_setup(what_it_had_borrowed_is_untrusted, set_up),
        cmocka_unit_test_setup(the_dead_do_not_pay, set_up),
        cmocka_unit_test_setup(forged_loans, set_up),
        cmocka_unit_test_setup(a_thousand_deaths, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
