// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// fuzz_model.c - see fuzz_model.h.
#include "fuzz_model.h"

struct object model[XHEAP_GRANULES];
uint32_t model_held[XHEAP_GRANULES], model_held_count;
struct loans model_loans[HEAP_DOMAINS][THREAD_MAX];
struct passing model_passing[HEAP_DOMAINS][THREAD_MAX];
uint64_t model_orphans, model_refusals;

static uint32_t chunks_used, free_objects[XHEAP_CLASSES];
static struct { uint64_t bytes; uint32_t objects; } charged[HEAP_DOMAINS];
static uint64_t travelling[HEAP_DOMAINS]; // threads that still carry loans of a domain's earlier lives

static uint32_t bytes_of(uint32_t granule) { return 256u << model[granule].size_class; }
static bool is_start(uint64_t granule) { return granule < XHEAP_GRANULES && model[granule].state != OBJECT_NONE; }

void model_reset(void) {
    memset(model, 0, sizeof(model));
    memset(model_loans, 0, sizeof(model_loans));
    memset(model_passing, 0, sizeof(model_passing));
    memset(free_objects, 0, sizeof(free_objects));
    memset(charged, 0, sizeof(charged));
    memset(travelling, 0, sizeof(travelling));
    model_held_count = chunks_used = 0;
}

static void charge(uint32_t granule, uint32_t domain, int sign) {
    model[granule].charged = (uint8_t)domain;
    charged[domain].bytes += (uint64_t)(int64_t)(sign * (int)bytes_of(granule));
    charged[domain].objects += (uint32_t)sign;
}

static void hold(uint32_t granule, uint32_t domain) {
    struct object *object = &model[granule];
    expect(object->state == OBJECT_FREE);
    free_objects[object->size_class]--;
    *object = (struct object){.state = OBJECT_HELD,
                              .size_class = object->size_class,
                              .owner = (uint8_t)domain,
                              .root = granule,
                              .first = NONE,
                              .next = NONE,
                              .life = object->life + 1,
                              .held = model_held_count};
    model_held[model_held_count++] = granule;
    charge(granule, domain, 1);
}

static void release(uint32_t granule) {
    struct object *object = &model[granule];
    charge(granule, object->charged, -1);
    model_held[object->held] = model_held[--model_held_count];
    model[model_held[object->held]].held = object->held;
    *object = (struct object){
        .state = OBJECT_FREE, .size_class = object->size_class, .root = granule, .life = object->life + 1};
    free_objects[object->size_class]++;
}

void model_free(uint32_t root) {
    expect((model[root].state == OBJECT_HELD || model[root].state == OBJECT_ORPHAN) && !model_is_child(root));
    for (uint32_t child = model[root].first, next; child != NONE; child = next) {
        next = model[child].next;
        release(child);
    }
    release(root);
}

bool model_is_lent(uint32_t domain, uint32_t granule) {
    for (uint32_t t = 0; t < THREAD_MAX; t++)
        for (uint32_t i = 0; i < model_loans[domain][t].count; i++)
            if (model_loans[domain][t].granule[i] == granule) return true;
    return false;
}

uint32_t model_start(uint64_t address) {
    if (address - ARENA_BASE >= ARENA_BYTES) return NONE;
    uint32_t granule = (uint32_t)((address - ARENA_BASE) / 256), chunk = granule / 256 * 256;
    return is_start(chunk) ? granule & ~((1u << model[chunk].size_class) - 1) : NONE;
}

int model_part_with(uint32_t domain, uint64_t address) {
    uint32_t granule = model_start(address);
    if (granule == NONE || ARENA_BASE + granule * 256ull != address) return -EINVAL;
    if (!model_owner(granule)) return -ESTALE;
    if (model_owner(granule) != domain || model_is_child(granule)) return -EPERM;
    if (!model[granule].live || model[granule].passed || model[granule].lost) return -ESTALE;
    return model_is_lent(domain, granule) ? -EBUSY : 0;
}

// ---- exports of the monitor

void model_refill(uint32_t domain, uint64_t size_class, uint64_t count, int result) {
    if (size_class >= XHEAP_CLASSES || !count || count > XHEAP_BATCH) {
        expect(result == -EINVAL);
        return;
    }
    uint64_t bytes = 256u << size_class,
             there = free_objects[size_class] + (uint64_t)(XHEAP_CHUNKS - chunks_used) * (65536 / bytes);
    if (count > 131072 / bytes) count = 131072 / bytes;
    const struct domain *quota = &heap_domains[domain];
    uint64_t left =
        quota->shared_bytes_max > charged[domain].bytes ? (quota->shared_bytes_max - charged[domain].bytes) / bytes : 0;
    if (left > quota->shared_objects_max - charged[domain].objects)
        left = quota->shared_objects_max - charged[domain].objects;
    if (charged[domain].objects >= quota->shared_objects_max) left = 0;
    if (left < count && left <= there) model_refusals++;
    if (count > left) count = left;
    if (count > there) count = there;
    expect(result == (count ? (int)count : -ENOMEM));
    const volatile struct give_list *list = &public_area.given[thread_self()];
    expect(list->count == count);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t address = list->object[i];
        uint32_t granule = (uint32_t)((address - ARENA_BASE) / 256), chunk = granule / 256 * 256;
        expect(address - ARENA_BASE < ARENA_BYTES && address % 256 == 0);
        if (!is_start(chunk)) { // the first of its chunk
            chunks_used++;
            for (uint32_t g = chunk; g < chunk + 256; g += 1u << size_class)
                model[g] = (struct object){.state = OBJECT_FREE, .size_class = (uint8_t)size_class, .root = g};
            free_objects[size_class] += 256u >> size_class;
        }
        expect(is_start(granule) && model[granule].size_class == size_class);
        hold(granule, domain);
        const uint64_t *first = (const uint64_t *)(uintptr_t)address, *last = first + bytes / 8 - 1;
        expect(*first == 0 && *last == 0); // zeroed
    }
}

static uint32_t number_in(const uint64_t words[], uint32_t i) { return words[i / 3] >> i % 3 * 20 & 0xfffff; }
static bool is_own_root(uint32_t domain, uint64_t granule) {
    return is_start(granule) && model_owner((uint32_t)granule) == domain && !model_is_child((uint32_t)granule);
}

// What an honest domain gives back, it does not use; a child goes with its root.
static void expect_unused(uint32_t domain, uint32_t root) {
    if (domain == HEAP_HOSTILE) return;
    expect(!model[root].live);
    for (uint32_t child = model[root].first; child != NONE; child = model[child].next) expect(!model[child].live);
}

void model_drain(uint32_t domain, const uint64_t words[6], int result) {
    int done = 0, named = 0;
    for (uint32_t i = 0; i < 18; i++) {
        uint32_t number = number_in(words, i);
        if (!number) continue;
        named++;
        if (!is_own_root(domain, number - 1u)) continue;
        expect_unused(domain, number - 1);
        model_free(number - 1);
        done++;
    }
    expect(result == (done == named ? done : -EPERM));
    if (domain != HEAP_HOSTILE) expect(result > 0);
}

static int join_error(uint32_t domain, uint64_t root, const uint64_t words[5]) {
    if (!is_own_root(domain, root)) return -EPERM;
    uint32_t named = 0;
    for (uint32_t i = 0; i < 15; i++) {
        uint32_t number = number_in(words, i);
        if (!number) continue;
        if (number - 1 == root) return -EINVAL;
        if (!is_own_root(domain, number - 1u) || model[number - 1].children) return -EPERM;
        named++;
    }
    return model[root].children + named > 255 ? -E2BIG : 0;
}

void model_join(uint32_t domain, uint64_t root, const uint64_t words[5], int result) {
    expect(result == join_error(domain, root, words));
    for (uint32_t i = 0; !result && i < 15; i++) {
        uint32_t child = number_in(words, i) - 1;
        if (child == NONE || model_is_child(child)) continue;
        model[root].children++;
        model[root].untrusted |= model[child].untrusted;
        model[child].root = (uint32_t)root;
        model[child].next = model[root].first;
        model[root].first = child;
    }
}

void model_part(uint32_t domain, uint64_t child, int result) {
    bool is_one = is_start(child) && model[child].state != OBJECT_FREE && model_is_child((uint32_t)child);
    expect(result == (!is_one ? -EINVAL : model_owner((uint32_t)child) == domain ? 0 : -EPERM));
    if (result) return;
    struct object *object = &model[child], *root = &model[object->root];
    uint32_t *link = &root->first;
    while (*link != child) link = &model[*link].next;
    *link = object->next;
    root->children--;
    object->root = (uint32_t)child;
    object->next = NONE;
    object->owner = root->owner;
    object->untrusted = root->untrusted;
    object->life++;
}

// ---- owners that move

bool model_move(uint32_t from, uint32_t to, uint64_t address) {
    uint32_t granule = model_start(address);
    if (granule == NONE || ARENA_BASE + granule * 256ull != address || !is_own_root(from, granule)) return false;
    model[granule].owner = (uint8_t)to;
    model[granule].live = true;
    model[granule].passed = model[granule].lost = false;
    model[granule].life++;
    for (uint32_t child = model[granule].first; child != NONE; child = model[child].next)
        model[child].life++, model[child].live = true;
    return true;
}

// What domain says that it lends on thread: honest ones as they are, the hostile one as it wrote.
static struct loans loans_of(uint32_t domain, uint32_t thread) {
    if (domain != HEAP_HOSTILE) return model_loans[domain][thread];
    struct loans told = {.count = hostile_lends[thread].count};
    if (told.count > LENDS_MAX) told.count = 0;
    for (uint32_t i = 0; i < told.count; i++) told.granule[i] = hostile_lends[thread].granule[i];
    return told;
}

uint32_t model_crash(uint32_t domain, uint64_t inside) {
    for (uint32_t t = 0; t < THREAD_MAX; t++) {
        if (!(inside >> t & 1)) continue;
        struct loans lent = loans_of(domain, t);
        for (uint32_t i = 0; i < lent.count; i++) {
            uint32_t granule = lent.granule[i];
            if (is_own_root(domain, granule)) {
                model_orphans++;
                model[granule].state = OBJECT_ORPHAN;
                for (uint32_t child = model[granule].first; child != NONE; child = model[child].next)
                    model[child].state = OBJECT_ORPHAN;
            }
            if (is_start(granule) && model[granule].state == OBJECT_ORPHAN && !model_is_child(granule) &&
                model[granule].owner == domain)
                travelling[domain] |= 1ull << t;
        }
        for (uint32_t lender = DOMAIN_FIRST; lender < HEAP_DOMAINS; lender++) {
            struct loans borrowed = loans_of(lender, t);
            for (uint32_t i = 0; lender != domain && i < borrowed.count; i++)
                if (is_own_root(lender, borrowed.granule[i])) model[borrowed.granule[i]].untrusted = true;
        }
    }
    uint32_t before = model_held_count;
    for (uint32_t granule = 0; granule < XHEAP_GRANULES; granule++)
        if (is_own_root(domain, granule)) model_free(granule);
    for (uint32_t i = 0; i < model_held_count; i++) {
        uint32_t granule = model_held[i];
        if (model[granule].charged != domain || model[granule].state == OBJECT_ORPHAN) continue;
        charge(granule, domain, -1);
        charge(granule, model_owner(granule), 1);
    }
    return before - model_held_count;
}

uint32_t model_drop(uint32_t thread) {
    uint32_t before = model_held_count;
    for (uint32_t d = DOMAIN_FIRST; d < HEAP_DOMAINS; d++) {
        if (!(travelling[d] >> thread & 1)) continue;
        travelling[d] &= ~(1ull << thread);
        if (travelling[d]) continue;
        for (uint32_t granule = 0; granule < XHEAP_GRANULES; granule++)
            if (model[granule].state == OBJECT_ORPHAN && !model_is_child(granule) && model[granule].owner == d)
                model_free(granule);
    }
    return before - model_held_count;
}

// ---- the whole heap

static void compare_entries(void) {
    for (uint32_t g = 0; g < XHEAP_GRANULES; g++) {
        uint32_t entry = owner_table[g].owner_link, wanted = 0;
        const struct object *object = &model[g];
        expect(chunk_class[g / 256] == (is_start(g / 256 * 256) ? model[g / 256 * 256].size_class + 1 : 0));
        if (object->state == OBJECT_HELD || object->state == OBJECT_ORPHAN) {
            if (model_is_child(g)) wanted = 0xffu << 24 | object->root;
            else if (object->state == OBJECT_HELD)
                wanted = (uint32_t)object->owner << 24 | (object->untrusted ? 0x800000 : 0) | object->children;
            else wanted = 0xfeu << 24 | (uint32_t)object->owner << 8 | object->children;
            expect(heap_charged[g] == object->charged);
        }
        expect(entry == wanted);
    }
}

// Every free object is on the list of its class once, and nothing else is: all are taken off, and put back as they
// were.
static void compare_free(void) {
    static uint32_t popped[XHEAP_GRANULES];
    static uint8_t seen[XHEAP_GRANULES];
    memset(seen, 0, sizeof(seen));
    for (uint32_t size_class = 0; size_class < XHEAP_CLASSES; size_class++) {
        uint32_t count = 0, head;
        while ((head = freelist_pop(size_class))) {
            expect(count < XHEAP_GRANULES && is_start(head - 1u) && model[head - 1].state == OBJECT_FREE);
            expect(model[head - 1].size_class == size_class && !seen[head - 1]++);
            popped[count++] = head - 1;
        }
        expect(count == free_objects[size_class]);
        while (count) freelist_push(size_class, popped[--count]);
    }
    uint64_t bytes = (uint64_t)(XHEAP_CHUNKS - chunks_used) * 65536;
    for (uint32_t size_class = 0; size_class < XHEAP_CLASSES; size_class++)
        bytes += (uint64_t)free_objects[size_class] << 8 << size_class;
    for (uint32_t i = 0; i < model_held_count; i++) bytes += bytes_of(model_held[i]);
    expect(bytes == ARENA_BYTES); // free, held and unused: nothing else
}

static void compare_caches(uint32_t domain) {
    static uint8_t seen[XHEAP_GRANULES];
    uint32_t cached = 0, unused = 0;
    memset(seen, 0, sizeof(seen));
    const struct heap_client *client = heap_clients[domain];
    for (uint32_t t = 0; t < THREAD_MAX; t++)
        for (uint32_t size_class = 0; size_class < XHEAP_CLASSES; size_class++) {
            const struct magazine *magazine = &client->magazines[t][size_class];
            for (uint32_t i = 0; i < magazine->count; i++, cached++) {
                uint32_t g = magazine->granule[i];
                expect(is_start(g) && model_owner(g) == domain && !model_is_child(g) && !model[g].children);
                expect(!model[g].live && model[g].size_class == size_class && !seen[g]++);
            }
        }
    for (uint32_t g = 0; g < XHEAP_GRANULES; g++) {
        bool is_mine = model[g].state == OBJECT_HELD && model_owner(g) == domain;
        expect((client->local_state[g] & LOCAL_USED) ==
               (is_mine && model[g].live && !model[g].passed && !model[g].lost && !model_is_child(g)));
        unused += is_mine && !model[g].live;
    }
    expect(cached == unused);
}

void model_compare(void) {
    uint32_t chunks = 0;
    while (chunks < XHEAP_CHUNKS && chunk_class[chunks]) chunks++;
    expect(chunks == chunks_used);
    compare_entries();
    compare_free();
    for (uint32_t d = DOMAIN_FIRST; d < HEAP_DOMAINS; d++) {
        const struct heap_account *account = &heap_account[d];
        expect(account->bytes == charged[d].bytes && account->objects == charged[d].objects);
        expect(account->most_bytes >= account->bytes && account->most_objects >= account->objects);
        if (d != HEAP_HOSTILE) compare_caches(d);
    }
}
