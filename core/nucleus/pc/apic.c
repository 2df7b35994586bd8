// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// apic.c - the local APIC (memory-mapped or x2APIC), its timer, and the IOAPICs' lines.
//
// The timer is one-shot, counts at a rate that is measured against the TSC, and is armed for one tick at a time. The
// old PIC is masked for good, where there is one. Lines stay masked until somebody asks for them; a line that nobody
// handles is masked when it comes.
#include "machine.h"
#include "pc.h"

#define MSR_APIC_BASE 0x1b
#define APIC_ENABLED (1u << 11)
#define APIC_X2 (1u << 10)
#define MSR_X2APIC 0x800
#define LEAF_FEATURES 1
#define REGISTER_TASK_PRIORITY 0x80
#define REGISTER_ID 0x20
#define REGISTER_ACKNOWLEDGE 0xb0
#define REGISTER_SPURIOUS 0xf0
#define REGISTER_TIMER 0x320      // six entries of the local vector table follow each other from 0x320 to 0x370
#define REGISTER_LINT1 0x360
#define REGISTER_ERROR 0x370
#define REGISTER_TIMER_START 0x380
#define REGISTER_TIMER_NOW 0x390
#define REGISTER_TIMER_DIVIDER 0x3e0
#define MASKED 0x10000u
#define DELIVER_NMI 0x400
#define SOFTWARE_ENABLED 0x100
#define DIVIDE_BY_1 0xb
#define MEASURES_PER_MS 5        // a tick need not be exact

#define IOAPIC_SELECT 0           // in words of 32 bits
#define IOAPIC_DATA 4
#define IOAPIC_VERSION 1
#define IOAPIC_LINES 0x10         // two registers each
#define LINE_LOW_ACTIVE (1u << 13)
#define LINE_LEVEL (1u << 15)

#define MESSAGE_ADDRESS 0xfee00000u

#define PIC_MASTER_DATA 0x21
#define PIC_SLAVE_DATA 0xa1

static volatile uint32_t *registers; // NULL: x2APIC
static uint64_t timer_khz;
static void (*line_handlers[VECTOR_SPURIOUS - VECTOR_LINE])(void); // of lines, then of messages

static uint32_t apic_read(uint32_t offset) {
    return registers != NULL ? registers[offset / 4] : (uint32_t)msr_read(MSR_X2APIC + offset / 16);
}

static void apic_write(uint32_t offset, uint32_t value) {
    if (registers != NULL) registers[offset / 4] = value;
    else msr_write(MSR_X2APIC + offset / 16, value);
}

void apic_acknowledge(void) { apic_write(REGISTER_ACKNOWLEDGE, 0); }

void timer_arm(uint64_t ns) {
    uint64_t count = ns * timer_khz / 1000000;
    apic_write(REGISTER_TIMER_START, count == 0 ? 1 : count > UINT32_MAX ? UINT32_MAX : (uint32_t)count);
}

static uint32_t timer_passed(void) { return UINT32_MAX - apic_read(REGISTER_TIMER_NOW); }

static void timer_measure(void) {
    apic_write(REGISTER_TIMER_DIVIDER, DIVIDE_BY_1);
    apic_write(REGISTER_TIMER_START, UINT32_MAX);
    uint64_t tsc_khz = public_writable()->clock.tsc_khz;
    struct clock_moment start = clock_moment(timer_passed), now;
    do now = clock_moment(timer_passed);
    while (now.tsc - start.tsc < tsc_khz / MEASURES_PER_MS);
    timer_khz = (uint64_t)(now.count - start.count) * tsc_khz / (now.tsc - start.tsc);
    if (timer_khz == 0) die_with("the local APIC's timer does not count");
}

void apic_start(void) {
    bool is_x2 = cpu_has(LEAF_FEATURES, 2, 21);
    uint64_t base = msr_read(MSR_APIC_BASE) | APIC_ENABLED;
    msr_write(MSR_APIC_BASE, base);
    if (is_x2) msr_write(MSR_APIC_BASE, base | APIC_X2);
    else registers = mmio_map(base & 0xffffff000);
    port_write(PIC_MASTER_DATA, 0xff);
    port_write(PIC_SLAVE_DATA, 0xff);
    for (uint32_t entry = REGISTER_TIMER + 0x10; entry <= REGISTER_ERROR; entry += 0x10) apic_write(entry, MASKED);
    apic_write(REGISTER_LINT1, DELIVER_NMI);
    apic_write(REGISTER_TASK_PRIORITY, 0);
    apic_write(REGISTER_SPURIOUS, SOFTWARE_ENABLED | VECTOR_SPURIOUS);
    apic_write(REGISTER_TIMER, MASKED | VECTOR_TICK);
    timer_measure();
    apic_write(REGISTER_TIMER, VECTOR_TICK);
}

// ---- lines

static void ioapic_write(volatile uint32_t *ioapic, uint32_t index, uint32_t value) {
    ioapic[IOAPIC_SELECT] = index;
    ioapic[IOAPIC_DATA] = value;
}

static void line_set(uint32_t line, uint32_t low) {
    for (uint32_t i = 0; i < machine.ioapic_count; i++) {
        volatile uint32_t *ioapic = mmio_map(machine.ioapics[i].address);
        ioapic[IOAPIC_SELECT] = IOAPIC_VERSION;
        uint32_t pin = line - machine.ioapics[i].first_line, pins = (ioapic[IOAPIC_DATA] >> 16 & 0xff) + 1;
        if (line < machine.ioapics[i].first_line || pin >= pins) continue;
        uint32_t id = registers != NULL ? apic_read(REGISTER_ID) >> 24 : apic_read(REGISTER_ID);
        ioapic_write(ioapic, IOAPIC_LINES + 2 * pin + 1, id << 24);
        ioapic_write(ioapic, IOAPIC_LINES + 2 * pin, low);
    }
}

int line_open(uint32_t line, bool is_level, bool is_low_active, void (*handler)(void)) {
    if (line >= LINE_COUNT) return -EINVAL;
    line_handlers[line] = handler;
    line_set(line, (VECTOR_LINE + line) | (is_level ? LINE_LEVEL : 0) | (is_low_active ? LINE_LOW_ACTIVE : 0));
    return 0;
}

// A message is a write to the local APIC's page that names a vector: edge-triggered, and none of the IOAPICs'.
int message_open(void (*handler)(void), uint64_t *address) {
    uint32_t id = registers != NULL ? apic_read(REGISTER_ID) >> 24 : apic_read(REGISTER_ID);
    *address = MESSAGE_ADDRESS | (uint64_t)id << 12;
    for (uint32_t i = LINE_COUNT; i < VECTOR_SPURIOUS - VECTOR_LINE; i++)
        if (line_handlers[i] == NULL) {
            line_handlers[i] = handler;
            return (int)(VECTOR_LINE + i);
        }
    return -EINVAL;
}

int line_open_isa(uint32_t isa, void (*handler)(void)) {
    struct machine_line line = machine.isa_lines[isa];
    return line_open(line.line, line.is_level, line.is_low_active, handler);
}

void line_taken(uint32_t line) {
    if (line < VECTOR_SPURIOUS - VECTOR_LINE && line_handlers[line] != NULL) line_handlers[line]();
    else line_set(line, MASKED);
}
