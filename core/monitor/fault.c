// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// fault.c - fault records: what the nucleus said, named; a block for people, two lines for machines; the last ones
// kept.
//
//   faults_add, faults_say      for whoever handles the fault (fault_recover.c, fault_norecover.c)
//   faults_read                 for everybody (core/include/recovery.h)
//
// A record keeps numbers; what they are called is looked up when somebody reads it, since a restart is not to wait for
// that. It never holds another domain's registers.
#include <heap_mode.h>
#include "clock.h"
#include "faults.h"
#include "format.h"
#include "nucleus.h"
#include "slots_asm.h"
#include "string.h"
#include "symbols.h"
#include "xheap.h"

struct fault monitor_fault_record;

static struct fault_record records[FAULTS_KEPT];    // number n lies at n % FAULTS_KEPT
static uint64_t records_made;

static const char *const outcomes[] = {[FAULT_STOPS] = "stops", [FAULT_WAITS] = "waits",
    [FAULT_RESTARTED] = "restarted", [FAULT_DOWN] = "down", [FAULT_CALL_ENDED] = "call-ended"};
static const char *const kinds[] = {
    [FAULT_READ] = "read", [FAULT_WRITE] = "write", [FAULT_EXECUTE] = "execute",
    [FAULT_ILLEGAL] = "illegal-instruction", [FAULT_PROTECTION] = "protection", [FAULT_DIVIDE] = "divide",
    [FAULT_ALIGNMENT] = "alignment", [FAULT_TRAP] = "trap", [FAULT_SYSCALL] = "system-call", [FAULT_LOOP] = "loop",
    [FAULT_DEADLINE] = "deadline", [FAULT_ANSWER] = "answer", [FAULT_INIT] = "init", [FAULT_COLLATERAL] = "collateral"};

static bool is_in(uint64_t address, uint64_t start, uint64_t bytes) { return address - start < bytes; }

#define HEAP_OBJECT "heap"

static struct fault_place place_of_domain(uint32_t d, uint64_t address) {
    const struct domain *domain = &domain_table[d];
    struct fault_place place = {domain->name, NULL, domain->pkey};
    uint64_t stacks = STACKS_BASE + d * (uint64_t)STACK_AREA_BYTES;
    if (is_in(address, domain->data_start, SLOTS_BYTES)) place.object = "slots";
    else if (is_in(address, domain->data_start, domain->data_bytes)) place.object = "data";
    else if (is_in(address, domain->persist_start, domain->persist_bytes)) place.object = "persistent data";
    else if (is_in(address, domain->rodata_start, domain->rodata_bytes)) place.object = "rodata";
    else if (is_in(address, domain->heap_start, domain->heap_bytes)) place.object = "private heap";
    else if (is_in(address, domain->text_start, domain->text_bytes)) place.object = "text", place.key = 0;
    else if (d && is_in(address, stacks, STACK_AREA_BYTES))
        place.object = STACK_STRIDE - (address - stacks) % STACK_STRIDE <= domain->stack_bytes ? "stack" : "guard page";
    return place;
}

static struct fault_place place_of(uint64_t address) {
    for (uint32_t d = 0; d < domain_count; d++) {
        struct fault_place place = place_of_domain(d, address);
        if (place.object) return place;
    }
    if (xheap_contains((void *)address)) {
        uint8_t owner = xheap_owner_of((void *)address, 1);
        const char *name = owner && owner < domain_count ? domain_table[owner].name : "nobody";
        return (struct fault_place){name, HEAP_OBJECT, heap_key_of((void *)address)};
    }
    uint64_t device = (address - DEVICE_WINDOWS_BASE) / DEVICE_WINDOW_BYTES;
    if (address >= DEVICE_WINDOWS_BASE && device < device_count) {
        const struct domain *owner = &domain_table[device_table[device].domain];
        return (struct fault_place){owner->name, "device window", owner->pkey};
    }
    if (is_in(address, PUBLIC_BASE, sizeof(struct public)))
        return (struct fault_place){"monitor", "public", PKEY_PUBLIC};
    if (is_in(address, OWNER_TABLE_BASE, ARENA_BYTES / XHEAP_GRANULE_BYTES * 8 + PAGE_BYTES))
        return (struct fault_place){"monitor", "owner-table", PKEY_PUBLIC};
    return (struct fault_place){"nobody", address < PAGE_BYTES ? "null page" : "unmapped", 0};
}

// Between a WRPKRU and its checks the live rights may be the victim's; there only a trap can come in between.
bool fault_is_nameless(const struct fault *fault) {
    if (fault->domain >= domain_count || monitor_is_gate_die(fault->rip)) return true;
    if (fault->kind != FAULT_TRAP) return false;
    for (uint32_t e = 0; e < edge_count; e++)
        if (edge_contains(&edge_table[e], fault->rip)) return true;
    return false;
}

// "drivers/virtio-net/receive.c" is the component virtio_net's.
static bool is_file_of(const char *file, const char *component) {
    const char *folder = strchr(file, '/');
    if (folder && !strncmp(file, "tests/components/", 17)) folder = file + 16;
    if (!folder++) return false;
    for (; *component && (*folder == *component || (*folder == '-' && *component == '_')); folder++) component++;
    return !*component && *folder == '/';
}

// Whose code it is, or, in lib and the like, who called that.
static const char *component_of(uint32_t domain, uint64_t rip, uint64_t frame_pointer) {
    const char *first = "-";
    for (uint32_t depth = 0; depth < COMPONENT_FRAMES_MAX; depth++) {
        const char *file = symbol_file(rip);
        for (uint32_t c = component_count; c-- > 0;) {
            if (component_table[c].domain != domain) continue;
            if (file && is_file_of(file, component_table[c].name)) return component_table[c].name;
            first = component_table[c].name;
        }
        uint64_t frame[2];                    // previous frame pointer, return address
        if (nucleus_memory_read(frame_pointer, frame, sizeof frame)) break;
        frame_pointer = frame[0];
        rip = frame[1] - 1;
    }
    return first;
}

struct fault_record *faults_add(const struct fault *fault, uint32_t generation) {
    struct fault_record *record = &records[++records_made % FAULTS_KEPT];
    bool named = !fault_is_nameless(fault), has_address = fault->kind <= FAULT_EXECUTE;
    const char *domain = named ? domain_table[fault->domain].name : "unknown";
    *record = (struct fault_record){
        .number = records_made, .at_tsc = fault->tsc, .kind = fault->kind, .domain = domain, .generation = generation,
        .thread = fault->thread, .address = fault->address, .rip = fault->rip, .component = "-",
        .place = has_address ? place_of(fault->address)
               : (struct fault_place){domain, monitor_is_gate_die(fault->rip) ? "gate check" : "instruction", 0},
    };
    record->at_ns = time_now_ns() - time_ticks_ns(__builtin_ia32_rdtsc() - fault->tsc);
    if (!named) return record;
    record->component = component_of(fault->domain, fault->rip, fault->rbp);
    record->edge = frames_entry(fault->domain, fault->anchor[fault->domain]);
    if (record->edge) record->site = frames_site(fault->anchor[record->edge->caller]);
    return record;
}

static uint64_t oldest(void) { return records_made > FAULTS_KEPT ? records_made - FAULTS_KEPT + 1 : 1; }

struct fault_record *faults_find(uint64_t number) {
    static struct fault_record forgotten;
    struct fault_record *record = &records[number % FAULTS_KEPT];
    return record->number == number ? record : &forgotten;
}

static void format_action(char *out, size_t room, const struct fault_record *record) {
    const char *unwound_to = record->edge ? domain_table[record->edge->caller].name : "its caller";
    char after[64] = "";
    if (record->restart > 1) format(after, sizeof after, " (%u in a row)", record->restart);
    switch (record->outcome) {
    case FAULT_STOPS:
        format(out, room, "the system stops (CONFIG_RECOVERY is off, or there is nobody to unwind to)");
        break;
    case FAULT_WAITS:
        format(out, room, "unwound to %s with -EDOMAINDEAD; restart %u%s in %u ms", unwound_to,
               record->restart, after, record->wait_ms);
        break;
    case FAULT_RESTARTED:
        format(out, room, "unwound to %s with -EDOMAINDEAD; restart %u, ready after %u us", unwound_to,
               record->restart, (uint32_t)(time_ticks_ns(record->tsc[FAULT_READY] - record->at_tsc) / 1000));
        break;
    case FAULT_DOWN:
        format(out, room, "unwound to %s with -EDOMAINDEAD; it stays down after %u faults in a row", unwound_to,
               record->restart);
        break;
    case FAULT_CALL_ENDED:
        format(out, room, "the call is ended; nobody is blamed, since the live rights can be the victim's");
        break;
    }
}

static void name_copy(char *out, const char *name) { memcpy(out, name, strnlen(name, FAULT_NAME_BYTES - 1)); }

static void row_of(struct fault_row *row, const struct fault_record *record) {
    const uint64_t *tsc = record->tsc;
    *row = (struct fault_row){
        .number = record->number, .at_ns = record->at_ns, .address = record->address, .generation = record->generation,
        .restart = record->restart, .thread = record->thread, .key = record->place.key, .outcome = record->outcome,
    };
    uint64_t *const parts[] = {&row->detect_ns,  &row->unwind_ns, &row->wait_ns,
                               &row->reclaim_ns, &row->reset_ns,  &row->init_ns};
    uint64_t before = record->at_tsc;
    for (uint32_t i = 0; i < FAULT_READY + 1u && tsc[i]; before = tsc[i++]) *parts[i] = time_ticks_ns(tsc[i] - before);
    if (tsc[FAULT_READY]) row->ready_ns = time_ticks_ns(tsc[FAULT_READY] - record->at_tsc);
    name_copy(row->kind, kinds[record->kind]);
    name_copy(row->domain, record->domain);
    name_copy(row->component, record->component);
    name_copy(row->owner, record->place.owner);
    name_copy(row->object, record->place.object);
    name_copy(row->gate, record->edge ? record->edge->function : "-");
    name_copy(row->caller, record->edge ? domain_table[record->edge->caller].name : "-");
    symbol_format(row->at, sizeof row->at, record->rip);
    if (record->site) symbol_format(row->from, sizeof row->from, record->site - 1);
    else row->from[0] = '-';
    format_action(row->action, sizeof row->action, record);
}

static struct fault_row said;

static void say_outcome(const struct fault_record *record) {
    if (record->outcome == FAULT_STOPS) return;
    say("HEALREC number=%llu domain=%s component=%s kind=%s outcome=%s restart=%u ready_ns=%llu detect_ns=%llu "
        "unwind_ns=%llu wait_ns=%llu reclaim_ns=%llu reset_ns=%llu init_ns=%llu\n",
        (unsigned long long)said.number, said.domain, said.component, said.kind, outcomes[record->outcome], said.restart,
        (unsigned long long)said.ready_ns, (unsigned long long)said.detect_ns, (unsigned long long)said.unwind_ns,
        (unsigned long long)said.wait_ns, (unsigned long long)said.reclaim_ns, (unsigned long long)said.reset_ns,
        (unsigned long long)said.init_ns);
}

// The second time only what has become of it.
void faults_say(struct fault_record *record) {
    row_of(&said, record);
    unsigned long long address = said.address;
    bool is_first = !record->said;
    record->said = record->outcome + 1;
    if (!is_first) {
        say("FAULT domain=%s gen=%u: %s\n", said.domain, said.generation, said.action);
        say_outcome(record);
        return;
    }
    say("FAULT domain=%s gen=%u %s 0x%llx key=%u owner=%s object='%s'\n", said.domain, said.generation, said.kind,
        address, said.key, said.owner, said.object);
    // In strict mode alone does the heap fault, and keys are domain ids.
    if (!strcmp(said.object, HEAP_OBJECT) && said.key < domain_count)
        say("  the page is keyed to %s: was the object given, freed or lent, or is the loan over?\n",
            domain_table[said.key].name);
    say("  at %s, entered by gate %s from %s:%s\n", said.at, said.gate, said.caller, said.from);
    say("  action: %s\n", said.action);
    say("FAULTREC domain=%s gen=%u kind=%s address=0x%llx key=%u owner=%s object='%s' thread=%u gate=%s caller=%s\n",
        said.domain, said.generation, said.kind, address, said.key, said.owner, said.object, said.thread, said.gate,
        said.caller);
    say_outcome(record);
}

bool faults_say_one(void) {
    for (uint64_t number = oldest(); number <= records_made; number++) {
        struct fault_record *record = &records[number % FAULTS_KEPT];
        if (record->said == record->outcome + 1) continue;
        faults_say(record);
        return true;
    }
    return false;
}

int faults_read(uint64_t first, struct fault_row *out, size_t max) {
    if (!max || max > FAULTS_KEPT) return -EINVAL;
    static struct fault_row row;
    uint64_t number = first > oldest() ? first : oldest();
    int rows = 0;
    for (; number <= records_made && (size_t)rows < max; number++) {
        row_of(&row, &records[number % FAULTS_KEPT]);
        memcpy(&out[rows++], &row, sizeof row);
    }
    return rows;
}
