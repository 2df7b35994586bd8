// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// devices.c - console, clock, exit. Ports are ring 0's alone; no domain has any.
//
// Polled: the one interrupt is tick.c's. The console is a 16550 at 0x3f8; the clock is the TSC, measured once against
// channel 2 of the PIT; the exit is QEMU's isa-debug-exit, then ACPI S5 as q35 has it (which cannot carry a status).
#include "pc.h"

#define UART 0x3f8
#define UART_LINE_STATUS (UART + 5)
#define UART_HAS_BYTE 1
#define UART_HAS_ROOM 0x20
#define UART_ABSENT 0xff          // a port that nobody drives
#define PIT_CHANNEL_2 0x42
#define PIT_GATE 0x61
#define PIT_TICKS 11932           // 10 ms
#define PIT_NS ((uint64_t)PIT_TICKS * 1000000000 / PIT_HZ)
#define EXIT_DEVICE 0xf4
#define ACPI_CONTROL 0x604
#define ACPI_SLEEP 0x2000

void console_start(void) {
    static const uint8_t settings[][2] = { { 1, 0 }, { 3, 0x80 }, { 0, 1 }, { 1, 0 }, { 3, 3 }, { 2, 7 } }; // 115200 8N1
    for (size_t i = 0; i < sizeof(settings) / 2; i++) port_write((uint16_t)(UART + settings[i][0]), settings[i][1]);
}

void console_put(const char *text, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        while ((port_read(UART_LINE_STATUS) & UART_HAS_ROOM) == 0) {}
        port_write(UART, (uint8_t)text[i]);
    }
}

bool console_is_ready(void) {
    uint8_t status = port_read(UART_LINE_STATUS);
    return status != UART_ABSENT && (status & UART_HAS_BYTE) != 0;
}

// Each buffer takes at least one byte or ends the batch. The monitor checked who owns them; that they lie in the arena is
// checked here, because only that keeps ring 0's own writes out of everything else.
int console_submit(uint32_t operation, struct device_buffer *buffers, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint64_t address = buffers[i].address;
        uint32_t bytes = buffers[i].bytes, moved = 0;
        if (address < ARENA_BASE || address > MAP_END || bytes > MAP_END - address) return -EINVAL;
        char *text = alias_of(address);
        if (operation == DEVICE_WRITE) {
            console_put(text, bytes);
            moved = bytes;
        } else {
            if (!console_is_ready()) return (int)i;
            while (moved < bytes && console_is_ready()) text[moved++] = (char)port_read(UART);
        }
        buffers[i].result = (int32_t)moved;
    }
    return (int)count;
}

static uint64_t tsc_per_measure;  // TSC ticks in PIT_NS
static uint64_t tsc_start;

void clock_start(void) {
    port_write(PIT_GATE, (uint8_t)((port_read(PIT_GATE) & ~2u) | 1)); // gate open, speaker off
    port_write(PIT_COMMAND, 0xb0);    // channel 2, both bytes, mode 0: output rises at zero
    port_write(PIT_CHANNEL_2, PIT_TICKS & 0xff);
    port_write(PIT_CHANNEL_2, PIT_TICKS >> 8);
    tsc_start = tsc_read();
    while ((port_read(PIT_GATE) & 0x20) == 0) {}
    tsc_per_measure = tsc_read() - tsc_start;
    struct public *public = public_writable();
    public->clock.base_tsc = tsc_start;
    public->clock.multiplier = (PIT_NS << 32) / tsc_per_measure;
    public->clock.tsc_khz = tsc_per_measure * 1000000 / PIT_NS;
}

uint64_t clock_ns(void) {
    uint64_t ticks = tsc_read() - tsc_start; // split, so that the product stays below 2^64 for years
    return ticks / tsc_per_measure * PIT_NS + ticks % tsc_per_measure * PIT_NS / tsc_per_measure;
}

_Noreturn void machine_end(uint32_t status) {
    port_write(EXIT_DEVICE, (uint8_t)status);
    __asm__ volatile("outw %0, %1" : : "a"((uint16_t)ACPI_SLEEP), "Nd"((uint16_t)ACPI_CONTROL));
    for (;;) __asm__ volatile("cli; hlt");
}

static void say(const char *text) {
    size_t bytes = 0;
    while (text[bytes] != 0) bytes++;
    console_put(text, bytes);
}

_Noreturn void die_with(const char *sentence) {
    say("cloister: ");
    say(sentence);
    say("\n");
    machine_end(EXIT_UNUSABLE);
}

_Noreturn void nucleus_panic(const char *what, uint64_t value) {
    static bool is_panic;
    char digits[] = "0x0000000000000000\n";
    if (is_panic) machine_end(EXIT_PANIC); // the report itself trapped
    is_panic = true;
    for (int i = 17; i >= 2; i--, value >>= 4) digits[i] = "0123456789abcdef"[value & 15];
    say("\nPANIC nucleus: ");
    say(what);
    say(" ");
    say(digits);
    machine_end(EXIT_PANIC);
}
