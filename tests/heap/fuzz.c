// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// fuzz.c - random operations of four honest domains and a hostile one on one heap, against a model (fuzz_model.h).
//
// heap_fuzz <operations> [seed]     the same seed does the same; exit status 0, or another at the first difference
// Four threads migrate between the domains by calls that lend, give and hand back; each domain dies now and then, also
// in the middle of a crossing, and starts anew. In a crossing another thread runs. After each operation its result is
// compared, at each crossing what the monitor did, and every COMPARE_EVERY operations everything.
#include <setjmp.h>
#include <time.h>
#include "fuzz_model.h"

#define COMPARE_EVERY 8192
#define ROUND 200000           // then it begins with an empty heap: chunks keep their class for ever
#define THREADS 4
#define HANDLES 512
#define BUSY_MAX 80 // a root, its new children, and what another thread names meanwhile

struct frame {
    uint32_t domain, lends;    // lends: what the caller lent for this call
    enum { CALL, GIVES, LOCAL_GIVES } kind;
    bool is_stale;             // the domain died
};
static const uint32_t thread_numbers[THREADS] = {0, 1, 7, THREAD_MAX - 1};
static struct stack { uint32_t depth; struct frame frame[FRAMES_MAX]; } stacks[THREADS];
static struct { xheap_handle_t handle; uint32_t granule, life, domain, generation; } handles[HANDLES];
static uint32_t busy[BUSY_MAX], busy_count;
static uint32_t sizes;         // of those in some_size(), the first so many in this round
static uint64_t seed, state, operation, operations;
static uint32_t thread;        // index of the running one
static bool is_nested;         // another thread's operation waits in a crossing
static jmp_buf dead;           // ... and its domain has died
static bool can_die;

enum {
    DONE_ALLOC, DONE_FREE, REFUSED_FREE, DONE_LEND, DONE_GIVE, DONE_PASS, DONE_TAKE, DONE_ATTACH, FULL, DONE_DETACH,
    RESOLVED, STALE, CRASHES, ORPHANS_FREED, NESTED, EXHAUSTED, DIED_INSIDE, RAW, DONE_KINDS
};
static const char *const done_names[] = {
    "alloc", "free", "free refused", "lend", "give", "pass", "take", "attach", "full chains", "detach", "resolved",
    "stale", "crashes", "orphans freed", "nested", "exhausted", "died in a crossing", "raw exports"};
static uint64_t done[DONE_KINDS];

void fuzz_fail(const char *file, int line, const char *what) {
    fprintf(stderr, "%s:%d: expected: %s\nseed %llu, operation %llu, domain %u, thread %u%s\n", file, line, what,
            (unsigned long long)seed, (unsigned long long)operation, heap_running, thread_self(),
            is_nested ? ", inside a crossing of another" : "");
    exit(1);
}

static uint32_t random_number(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32);
}
static uint32_t below(uint32_t limit) { return (uint32_t)((uint64_t)random_number() * limit >> 32); }
static bool once_in(uint32_t times) { return below(times) == 0; }

static void *address_at(uint32_t granule) { return (void *)(ARENA_BASE + granule * 256ull); }
static struct stack *mine(void) { return &stacks[thread]; }
static struct frame *top(void) { return &mine()->frame[mine()->depth - 1]; }
static uint32_t self(void) { return top()->domain; }
static const struct heap_client *client(void) { return heap_clients[self()]; }
static struct loans *my_loans(void) { return &model_loans[self()][thread_self()]; }
static struct passing *my_passing(void) { return &model_passing[self()][thread_self()]; }
static void run(uint32_t which) {
    thread = which;
    heap_enter(self(), thread_numbers[which]);
}

static void *any_address(void) {
    switch (below(8)) {
    case 0: return (void *)(uintptr_t)((uint64_t)random_number() << 16);
    case 1: return (void *)(ARENA_BASE - 256 + below(2) * (ARENA_BYTES + 256ull));
    case 2: return (void *)(ARENA_BASE + below(ARENA_BYTES));
    default: return address_at(below(XHEAP_GRANULES));
    }
}

// The start of a held object, most often one that the running domain could use; now and then anything.
static void *some_object(void) {
    if (!model_held_count || once_in(64)) return any_address();
    uint32_t g = 0;
    for (uint32_t tries = 0; tries < 12; tries++) {
        g = model_held[below(model_held_count)];
        if (model_owner(g) == self() && (self() == HEAP_HOSTILE || (model[g].live && !model_is_child(g))) &&
            !model[g].busy)
            break;
    }
    if (model[g].busy) return any_address();
    return (char *)address_at(g) + (once_in(64) ? 1 + below(600) : 0);
}

// As its owner sees it, who is the running domain: a child as its root.
static bool is_usable(uint32_t g) {
    const struct object *root = &model[model[g].root];
    return model_owner(g) == self() && root->live && !root->passed && !root->lost;
}

static bool is_busy(const void *address) {
    uint32_t g = model_start((uintptr_t)address);
    return g != NONE && model[g].state >= OBJECT_HELD && (model[g].busy || model[model[g].root].busy);
}

static void set_busy(const void *address) {
    uint32_t g = model_start((uintptr_t)address);
    if (g == NONE || busy_count == BUSY_MAX) return;
    model[g].busy = true;
    busy[busy_count++] = g;
}
static void clear_busy(void) {
    while (busy_count) model[busy[--busy_count]].busy = false;
}

// ---- crossings, calls and deaths

static void unwind(uint32_t which);

static void crash(uint32_t domain) {
    uint64_t inside = 0;
    for (uint32_t t = 0; t < THREADS; t++)
        for (uint32_t f = 0; f < stacks[t].depth; f++) {
            struct frame *frame = &stacks[t].frame[f];
            if (frame->domain != domain || frame->is_stale) continue;
            inside |= 1ull << thread_numbers[t];
            frame->is_stale = true;
        }
    uint32_t wanted = model_crash(domain, inside), freed = heap_reclaim(domain, heap_generation[domain], inside);
    expect(freed == wanted);
    expect(heap_reclaim(domain, heap_generation[domain], inside) == 0); // once per generation
    memset(model_loans[domain], 0, sizeof(model_loans[domain]));
    memset(model_passing[domain], 0, sizeof(model_passing[domain]));
    heap_restart(domain);
    for (uint32_t t = 0; t < THREADS; t++) unwind(t);
    done[CRASHES]++;
}

static void lend_end(void) {
    client()->lend_end();
    expect(my_loans()->count-- > 0);
}

static void drop_orphans(uint32_t which) {
    for (uint32_t f = 0; f < stacks[which].depth; f++)
        if (stacks[which].frame[f].is_stale) return;
    uint32_t wanted = model_drop(thread_numbers[which]);
    expect(heap_orphans_drop(thread_numbers[which]) == wanted);
    done[ORPHANS_FREED] += wanted;
}

static void close_passing(struct passing *passing) {
    if (--passing->depth >= NESTING) return;
    passing->count = passing->base[passing->depth];
}
static uint32_t passing_base(const struct passing *passing) { return passing->base[passing->depth - 1]; }

static void pop_frame(uint32_t which) {
    struct frame left = *top();
    mine()->depth--;
    if (!mine()->depth) return;
    run(which);
    if (top()->is_stale || self() == HEAP_HOSTILE) return;
    for (uint32_t i = 0; i < left.lends; i++) lend_end();
}

// A thread whose running domain died goes back to the caller, who sees -EDOMAINDEAD.
static void unwind(uint32_t which) {
    uint32_t before = thread, running = heap_running;
    bool was_stale = false;
    thread = which;
    while (mine()->depth && top()->is_stale) {
        was_stale = true;
        bool gave = top()->kind == GIVES;
        pop_frame(which);
        if (!mine()->depth || top()->is_stale || self() == HEAP_HOSTILE || !gave) continue;
        client()->pass_accept(-EDOMAINDEAD);
        expect(client()->take(0) == NULL);
    }
    if (was_stale) drop_orphans(which);
    if (!mine()->depth) *mine() = (struct stack){1, {{.domain = DOMAIN_FIRST + below(HEAP_DOMAINS - DOMAIN_FIRST)}}};
    thread = before;
    heap_enter(running, thread_numbers[before]);
}

static void push_frame(uint32_t domain, uint32_t lends, int kind) {
    mine()->frame[mine()->depth++] = (struct frame){.domain = domain, .lends = lends, .kind = kind};
    run(thread);
}

static uint32_t other_domain(void) {
    uint32_t domain = DOMAIN_FIRST + below(HEAP_DOMAINS - DOMAIN_FIRST - 1);
    return domain + (domain >= self());
}

static void open_level(void) {
    if (self() == HEAP_HOSTILE) return;
    struct passing *passing = my_passing();
    client()->pass_open();
    if (passing->depth++ < NESTING) passing->base[passing->depth - 1] = passing->count;
}

// The range [address, +bytes) of a lend: begin's answer and the borrower's check. True when it is lent.
static bool lend_one(uint32_t borrower) {
    char *address = some_object();
    uint32_t g = model_start((uintptr_t)address);
    size_t bytes = 1 + below(600), room = 0;
    uint32_t owner = g == NONE ? 0 : model_owner(g);
    if (owner) room = (256u << model[g].size_class) - (size_t)(address - (char *)address_at(g));
    if (is_nested && is_busy(address)) return false;
    int wanted = !owner || bytes > room ? -EFAULT : my_loans()->count == LENDS_MAX ? -EBUSY : 0;
    if (!wanted && owner == self() && !is_usable(g)) wanted = -EFAULT;
    expect(client()->lend_begin(address, bytes) == wanted);
    if (!wanted)
        my_loans()->granule[my_loans()->count++] =
            owner == self() ? model[g].root : NONE; // a loan of a loan hinders nobody
    if (borrower != HEAP_HOSTILE) {
        heap_running = borrower;
        expect(heap_clients[borrower]->check(address, bytes) ==
               (owner && bytes <= room && owner != borrower ? 0 : -EFAULT));
        heap_running = self();
    }
    done[DONE_LEND] += !wanted;
    return !wanted;
}

static void call(void) {
    if (mine()->depth == FRAMES_MAX) return;
    uint32_t borrower = other_domain(), lent = 0;
    if (self() != HEAP_HOSTILE)
        for (uint32_t wanted = once_in(200) ? 70 : below(4); wanted; wanted--) lent += lend_one(borrower);
    bool gives = once_in(3);
    push_frame(borrower, lent, gives ? GIVES : CALL);
    if (gives) open_level();
}

static void call_local(void) { // a GATE_GIVES function of its own domain
    if (mine()->depth == FRAMES_MAX || self() == HEAP_HOSTILE) return;
    push_frame(self(), 0, LOCAL_GIVES);
    open_level();
}

// What a GATE_GIVES function handed out arrives: under its index, and only what the giver owned.
static void take(const uint64_t *wanted, uint32_t count) {
    void *objects[GIVE_MAX + 1];
    if (once_in(2)) {
        expect(client()->take_all(objects, GIVE_MAX + 1) == count);
        for (uint32_t i = 0; i < count; i++) expect((uintptr_t)objects[i] == wanted[i]);
    }
    for (uint32_t i = 0; i < count; i++) expect((uintptr_t)client()->take(i) == wanted[i]);
    expect(client()->take(count) == NULL);
    done[DONE_TAKE] += count;
}

static void return_gives(struct frame left) {
    uint32_t giver = left.domain, count;
    uint64_t wanted[GIVE_MAX];
    struct passing *passing = my_passing();
    uint32_t level = giver != HEAP_HOSTILE && passing->depth <= NESTING ? passing->count - passing_base(passing) : 0;
    if (left.kind == LOCAL_GIVES) {
        count = level;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t g = passing->granule[passing_base(passing) + i];
            wanted[i] = (uintptr_t)address_at(g);
            model[g].passed = false;
        }
        client()->pass_publish();
        close_passing(passing);
        pop_frame(thread);
    } else {
        uint64_t told;
        if (giver == HEAP_HOSTILE) {
            told = once_in(8) ? random_number() : below(12);
            for (uint32_t i = 0; i < GIVE_MAX; i++) hostile_gives[thread_self()].object[i] = (uintptr_t)some_object();
        } else {
            told = client()->pass_export();
            expect(told == level);
            for (uint32_t i = 0; i < level; i++)
                expect(client()->gives[thread_self()].object[i] ==
                       (uintptr_t)address_at(passing->granule[passing_base(passing) + i]));
            close_passing(passing);
        }
        pop_frame(thread);
        count = told <= GIVE_MAX && !top()->is_stale ? (uint32_t)told : 0;
        const struct give_list *list =
            giver == HEAP_HOSTILE ? &hostile_gives[thread_self()] : &heap_clients[giver]->gives[thread_self()];
        gate_gives(giver, self(), told);
        for (uint32_t i = 0; i < told && told <= GIVE_MAX; i++) {
            bool moved = model_move(giver, self(), list->object[i]);
            expect(public_area.given[thread_self()].object[i] == (moved ? list->object[i] : 0));
            if (count) wanted[i] = moved ? list->object[i] : 0;
            // The receiver died meanwhile, and its successor expects nothing: lost until that dies.
            else if (moved) model[model_start(list->object[i])].lost = true;
        }
    }
    if (top()->is_stale || self() == HEAP_HOSTILE) return;
    if (left.kind == GIVES) client()->pass_accept(0);
    take(wanted, count);
}

static void return_now(void) {
    if (mine()->depth == 1) return;
    struct frame left = *top();
    if (left.kind == CALL) pop_frame(thread);
    else return_gives(left);
    unwind(thread);
    run(thread);
}

// ---- what honest domains do

static size_t some_size(void) {
    static const uint32_t most[] = {256, 256, 256, 512, 1024, 2048, 2048, 8192, 65536, 65537};
    return below(most[below(sizes)] + 1);
}

static void *allocate(size_t bytes) {
    uint64_t before = done[EXHAUSTED];
    char *object = client()->alloc(bytes);
    if (!bytes || bytes > 65536) {
        expect(!object && before == done[EXHAUSTED]);
        return NULL;
    }
    if (!object) {
        expect(done[EXHAUSTED] > before); // only after the monitor had none
        return NULL;
    }
    uint32_t g = model_start((uintptr_t)object);
    expect(g != NONE && object == address_at(g) && model_owner(g) == self() && !model_is_child(g) &&
           !model[g].children);
    expect(!model[g].live);
    expect(!model[g].untrusted);
    expect(!model_is_lent(self(), g));
    expect(bytes <= 256u << model[g].size_class);
    expect(bytes > 128u << model[g].size_class || model[g].size_class == 0);
    model[g].live = true;
    model[g].life++;
    memset(object, 0x5a, 8);
    done[DONE_ALLOC]++;
    return object;
}

static void set_unused(uint32_t g) {
    model[g].live = false;
    for (uint32_t child = model[g].first; child != NONE; child = model[child].next) model[child].live = false;
    model[g].life++;
}

static void release(void) {
    void *object = some_object();
    if (is_nested && is_busy(object)) return;
    int wanted = model_part_with(self(), (uintptr_t)object);
    uint32_t g = model_start((uintptr_t)object);
    bool goes_back = !wanted && (model[g].children || model[g].untrusted);
    uint32_t life = 0;
    if (!wanted) set_unused(g), life = model[g].life;
    expect(client()->free(object) == wanted);
    expect(!goes_back || model[g].life != life); // no cache takes these
    done[wanted ? REFUSED_FREE : DONE_FREE]++;
}

static void give_away(void) {
    if (mine()->depth == FRAMES_MAX) return;
    void *object = some_object();
    uint32_t receiver = other_domain(), g = model_start((uintptr_t)object);
    uint64_t from_base = (uintptr_t)object - ARENA_BASE;
    bool moves = true;
    if (self() != HEAP_HOSTILE) {
        uint32_t at = from_base < ARENA_BYTES ? (uint32_t)(from_base / 256) : NONE;
        bool is_mine = at != NONE && g == at && object == address_at(g) && model_owner(g) == self();
        int wanted = at == NONE ? -EINVAL : is_mine ? model_part_with(self(), (uintptr_t)object) : -EPERM;
        expect(client()->give_begin(object) == wanted);
        moves = !wanted;
    }
    if (!moves) return;
    bool moved = model_move(self(), receiver, (uintptr_t)object);
    expect(gate_give(self(), receiver, (uintptr_t)object) == (moved ? 0 : -EPERM));
    if (!moved) return;
    done[DONE_GIVE]++;
    push_frame(receiver, 0, CALL);
    if (receiver != HEAP_HOSTILE) client()->give_arrived(object);
}

static void pass_on(void) {
    void *objects[GIVE_MAX + 1];
    struct passing *passing = my_passing();
    uint32_t count = once_in(20) ? below(GIVE_MAX + 2) : 1 + below(3), marked = 0;
    for (uint32_t i = 0; i < count; i++) objects[i] = some_object();
    int wanted = 0;
    uint32_t first = passing->count;
    if (!count) wanted = -EINVAL;
    else if (!passing->depth || passing->depth > NESTING || passing->count - passing_base(passing) + count > GIVE_MAX ||
             passing->count + count > 2 * GIVE_MAX)
        wanted = -E2BIG;
    for (; !wanted && marked < count; marked += !wanted) {
        wanted = model_part_with(self(), (uintptr_t)objects[marked]);
        if (wanted) break;
        uint32_t g = model_start((uintptr_t)objects[marked]);
        model[g].passed = true;
        passing->granule[first + marked] = g;
    }
    int result = count == 1 && once_in(2) ? client()->pass(objects[0]) : client()->pass_all(objects, count);
    if (!wanted) {
        expect(result == (int)(first - passing_base(passing)));
        passing->count += count;
        done[DONE_PASS] += count;
        return;
    }
    expect(result == wanted);
    for (uint32_t i = 0; i < marked; i++) model[passing->granule[first + i]].passed = false;
}

static void attach(void) {
    void *root = some_object(), *children[40];
    uint32_t count = once_in(10) ? below(41) : 1 + below(3), g = model_start((uintptr_t)root);
    int wanted = model_part_with(self(), (uintptr_t)root);
    bool has_root = !wanted;
    if (g != NONE && once_in(4)) { // one that has many already
        for (uint32_t tries = 0; tries < 20; tries++) {
            uint32_t other = model_held[below(model_held_count)];
            if (model[other].children > 20 && !model_part_with(self(), (uintptr_t)address_at(other)))
                root = address_at(other), count = 40, g = other, wanted = 0, has_root = true;
        }
    }
    for (uint32_t i = 0; i < count; i++) children[i] = some_object();
    set_busy(root);
    int codes[15], code_count = 0; // of the batch in which it fails first
    bool full = false;
    uint32_t joined = has_root ? model[g].children : 0;
    for (uint32_t i = 0; !wanted && i < count; i++) {
        set_busy(children[i]);
        if (i % 15 == 0 && code_count) break;
        uint32_t child = model_start((uintptr_t)children[i]);
        int code = children[i] == root ? -EINVAL : model_part_with(self(), (uintptr_t)children[i]);
        for (uint32_t before = 0; !code && before < i; before++)
            if (children[before] == children[i]) code = before / 15 == i / 15 ? -ESTALE : -EPERM;
        if (!code && model[child].children) code = -EPERM;
        if (!code && ++joined > 255) code = -E2BIG;
        if (code) codes[code_count++] = code;
        full |= code == -E2BIG;
    }
    int result = client()->attach(root, children, count);
    if (wanted || !code_count) {
        expect(result == wanted);
        done[DONE_ATTACH] += wanted ? 0 : count;
    } else {
        bool found = false;
        for (int i = 0; i < code_count; i++) found |= codes[i] == result;
        expect(found);
    }
    clear_busy();
}

// A long chain of new objects, now and then longer than there may be.
static void build(void) {
    void *root = some_object(), *children[40];
    if (model_part_with(self(), (uintptr_t)root)) return;
    for (uint32_t rest = 200 + below(90); rest;) {
        uint32_t count = 0, joined = model[model_start((uintptr_t)root)].children;
        set_busy(root);
        for (; rest && count < 40 && (children[count] = allocate(256)); rest--) set_busy(children[count++]);
        int result = count ? client()->attach(root, children, count) : -ENOMEM;
        expect(result == (!count ? -ENOMEM : joined + count > 255 ? -E2BIG : 0));
        clear_busy();
        done[FULL] += result == -E2BIG;
        if (result) return;
    }
}

static void detach(void) {
    void *object = some_object();
    for (uint32_t tries = 0; model_held_count && tries < 8; tries++) {
        uint32_t g = model_held[below(model_held_count)];
        if (model_is_child(g)) object = address_at(g);
    }
    uint32_t g = model_start((uintptr_t)object);
    int wanted = 0;
    if (g == NONE || object != address_at(g) || model[g].state < OBJECT_HELD || !model_is_child(g)) wanted = -EINVAL;
    else if (model_owner(g) != self()) wanted = -EPERM;
    else wanted = model_part_with(self(), (uintptr_t)address_at(model[g].root));
    set_busy(object);
    if (!wanted) set_busy(address_at(model[g].root));
    expect(client()->detach(object) == wanted);
    clear_busy();
    done[DONE_DETACH] += !wanted;
}

static void look(void) {
    char *address = some_object();
    uint32_t g = model_start((uintptr_t)address), owner = g == NONE ? 0 : model_owner(g);
    size_t room = owner ? (256u << model[g].size_class) - (size_t)(address - (char *)address_at(g)) : 0,
           bytes = 1 + below(3000);
    expect(client()->room(address) == room);
    expect(client()->owner_of(address, bytes) == (bytes <= room ? owner : 0));
    expect(client()->is_untrusted(address) ==
           (owner && model[g].state == OBJECT_HELD && model[model[g].root].untrusted));
    expect(client()->root(address) == (owner && model_is_child(g) ? address_at(model[g].root) : NULL));
    expect(client()->check(address, bytes) == (owner && owner != self() && bytes <= room ? 0 : -EFAULT));
}


static void handle(void) {
    uint32_t place = below(HANDLES);
    for (uint32_t tries = 0; tries < 4 && handles[place].domain != self(); tries++) place = below(HANDLES);
    if (handles[place].domain == self() && handles[place].generation == heap_generation[self()] && !once_in(8)) {
        uint32_t g = handles[place].granule;
        void *wanted = is_usable(g) && model[g].life == handles[place].life ? address_at(g) : NULL;
        expect(client()->resolve(handles[place].handle) == wanted);
        done[wanted ? RESOLVED : STALE]++;
        return;
    }
    if (once_in(100)) { // forged, or of another domain: nothing, or an object of its own, never another's
        char *found =
            client()->resolve(once_in(2) ? handles[place].handle : ((uint64_t)random_number() << 32 | random_number()));
        expect(!found || is_usable(model_start((uintptr_t)found)));
        return;
    }
    void *object = some_object();
    uint32_t g = model_start((uintptr_t)object);
    xheap_handle_t got = client()->handle(object);
    expect((got != 0) == (g != NONE && is_usable(g)));
    if (!got) return;
    handles[place].handle = got;
    handles[place].granule = g;
    handles[place].life = model[g].life;
    handles[place].domain = self();
    handles[place].generation = heap_generation[self()];
}

// ---- what a hostile one does: no client, and words of its own

static uint64_t random_words(void) {
    uint64_t words = 0;
    for (uint32_t i = 0; i < 3; i++) {
        uint64_t number = once_in(8) || !model_held_count ? random_number() & 0xfffff
                                                          : model_held[below(model_held_count)] + 1;
        if (once_in(3)) number = 0;
        if (!once_in(4) && model_held_count)
            for (uint32_t tries = 0; tries < 8; tries++) {
                uint32_t g = model_held[below(model_held_count)];
                if (model_owner(g) == HEAP_HOSTILE) number = g + 1;
            }
        words |= number << i * 20;
    }
    return words;
}

static void scribble(void) {
    uint64_t *word = (uint64_t *)(ARENA_BASE + below(ARENA_BYTES / 8 - 64) * 8ull);
    for (uint32_t i = 0; i < 64; i++) word[i] = ((uint64_t)random_number() << 32 | random_number());
    struct lends *lends = &hostile_lends[thread_numbers[below(THREADS)]];
    lends->count = once_in(8) ? random_number() : below(LENDS_MAX + 1);
    for (uint32_t i = 0; i < LENDS_MAX; i++)
        lends->granule[i] = once_in(8) || !model_held_count ? random_number() : model_held[below(model_held_count)];
}

static void attack(void) {
    uint64_t arguments[6] = {0};
    done[RAW]++;
    switch (below(6)) {
    case 0:
    case 1: arguments[0] = below(XHEAP_CLASSES + 1), arguments[1] = below(XHEAP_BATCH + 2);
            (void)!heap_export_call(EXPORT_REFILL, arguments); return;
    case 2: for (uint32_t i = 0; i < 6; i++) arguments[i] = random_words();
            (void)!heap_export_call(EXPORT_DRAIN, arguments); return;
    case 3: for (uint32_t i = 1; i < 6; i++) arguments[i] = random_words();
            arguments[0] = (random_words() & 0xfffff) - 1;
            if (once_in(50)) arguments[0] = random_number() * 0x100000001ull;
            (void)!heap_export_call(EXPORT_JOIN, arguments); return;
    case 4: arguments[0] = once_in(8) ? random_number() * 0x100000001ull : (random_words() & 0xfffff) - 1;
            (void)!heap_export_call(EXPORT_PART, arguments); return;
    default: scribble();
    }
}

// ---- a step

static void nest(void) {
    if (is_nested || !once_in(24)) return;
    uint32_t before = thread, running = heap_running;
    is_nested = true;
    run((before + 1 + below(THREADS - 1)) % THREADS);
    done[NESTED]++;
    if (self() == HEAP_HOSTILE) attack();
    else if (once_in(2)) allocate(some_size());
    else release();
    if (can_die && once_in(200)) {
        crash(running);
        done[DIED_INSIDE]++;
        is_nested = false;
        longjmp(dead, 1);
    }
    is_nested = false;
    thread = before;
    heap_enter(running, thread_numbers[before]);
}

static void crossing(enum heap_export which, const uint64_t arguments[6]) {
    (void)which;
    (void)arguments;
    nest();
}

static void crossed(enum heap_export which, const uint64_t a[6], int result) {
    switch (which) {
    case EXPORT_REFILL: model_refill(heap_running, a[0], a[1], result), done[EXHAUSTED] += result < 0; break;
    case EXPORT_DRAIN: model_drain(heap_running, a, result); break;
    case EXPORT_JOIN: model_join(heap_running, a[0], a + 1, result); break;
    case EXPORT_PART: model_part(heap_running, a[0], result); break;
    }
    nest();
}

static void new_quotas(void) {
    for (uint32_t d = DOMAIN_FIRST; d < HEAP_DOMAINS; d++) {
        heap_domains[d].shared_bytes_max = once_in(3) ? below(ARENA_BYTES / 4) : ARENA_BYTES;
        heap_domains[d].shared_objects_max = once_in(3) ? below(3000) : XHEAP_GRANULES;
    }
    heap_domains[HEAP_HOSTILE].shared_bytes_max = below(ARENA_BYTES / 4); // it frees little
}

static void step(uint32_t grow) {
    run(below(THREADS));
    uint32_t choice = below(100);
    if (choice < 3) return_now();
    else if (choice < 5) call();
    else if (choice == 5 && once_in(2)) call_local();
    else if (choice < 8) give_away();
    else if (choice == 8 && once_in(40)) crash(DOMAIN_FIRST + below(HEAP_DOMAINS - DOMAIN_FIRST));
    else if (choice == 9 && once_in(10)) drop_orphans(thread);
    else if (self() == HEAP_HOSTILE) attack();
    else if (choice < 12) pass_on();
    else if (choice < 14) attach();
    else if (choice == 14 && once_in(20)) build();
    else if (choice == 14) detach();
    else if (choice < 20) look();
    else if (choice < 30) handle();
    else if (choice < 30 + grow) allocate(some_size());
    else release();
}

static void begin(void) {
    heap_reset();
    model_reset();
    sizes = 3 + below(8);
    memset(handles, 0, sizeof(handles));
    memset(stacks, 0, sizeof(stacks));
    heap_gate_before = crossing;
    heap_gate_after = crossed;
    for (uint32_t t = 0; t < THREADS; t++) unwind(t);
}

// Everybody dies: nothing may be left.
static void end(void) {
    model_compare();
    for (uint32_t d = DOMAIN_FIRST; d < HEAP_DOMAINS; d++) crash(d);
    for (uint32_t t = 0; t < THREADS; t++) drop_orphans(t);
    model_compare();
    expect(model_held_count == 0);
}

int main(int count, char **arguments) {
    operations = count > 1 ? strtoull(arguments[1], NULL, 0) : 1000000;
    seed = count > 2 ? strtoull(arguments[2], NULL, 0) : (uint64_t)time(NULL) * 1000003;
    state = seed * 0x9e3779b97f4a7c15 | 1;
    printf("heap_fuzz %llu %llu\n", (unsigned long long)operations, (unsigned long long)seed);
    fflush(stdout);
    static uint32_t grow;      // survives a longjmp
    begin();
    (void)setjmp(dead);
    clear_busy();
    while (operation < operations) {
        operation++;
        if (operation % ROUND == 0) end(), begin();
        if (operation % 20000 == 1) grow = 20 + below(20);
        if (operation % 50000 == 0) new_quotas();
        can_die = true;
        step(grow);
        can_die = false;
        if (operation % COMPARE_EVERY == 0) model_compare();
    }
    end();
    for (uint32_t i = 0; i < DONE_KINDS; i++)
        printf("%s%s %llu", i ? ", " : "", done_names[i], (unsigned long long)done[i]);
    printf(", orphans %llu, refusals %llu\n", (unsigned long long)model_orphans, (unsigned long long)model_refusals);
    return 0;
}
