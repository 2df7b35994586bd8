// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// console.c - the 16550 at COM1, whose ports are ring 0's alone.
//
// Output is polled, 16 bytes at a time. Input raises an interrupt, which only ends the idle loop or gives the monitor
// an early tick: bytes wait in the device until the console component reads them. A port never ends, so input has no
// end either.
#include "pc.h"

#define UART 0x3f8
#define UART_ISA_LINE 4
#define UART_INTERRUPTS 1         // registers, from UART on
#define UART_INTERRUPTS_INPUT 1
#define UART_LINE_STATUS 5
#define UART_HAS_BYTE 1
#define UART_HAS_ROOM 0x20        // the whole FIFO is empty
#define UART_FIFO_BYTES 16
#define UART_ABSENT 0xff          // a port that nobody drives

static bool is_present;

static void input(void) {}

void console_start(void) {
    // 115200 8N1, FIFOs on and empty, and OUT2, by which a PC lets the interrupt out
    static const uint8_t settings[][2] = {
        { 1, 0 }, { 3, 0x80 }, { 0, 1 }, { 1, 0 }, { 3, 3 }, { 2, 7 }, { 4, 0xb } };
    for (size_t i = 0; i < sizeof(settings) / 2; i++) port_write((uint16_t)(UART + settings[i][0]), settings[i][1]);
    is_present = port_read(UART + UART_LINE_STATUS) != UART_ABSENT;
}

void console_open_input(void) {
    if (!is_present || line_open_isa(UART_ISA_LINE, input) != 0) return;
    port_write(UART + UART_INTERRUPTS, UART_INTERRUPTS_INPUT);
}

void console_put(const char *text, size_t bytes) {
    for (size_t i = 0; is_present && i < bytes; i++) {
        while (i % UART_FIFO_BYTES == 0 && (port_read(UART + UART_LINE_STATUS) & UART_HAS_ROOM) == 0) {}
        port_write(UART, (uint8_t)text[i]);
    }
}

bool console_is_ready(void) { return is_present && (port_read(UART + UART_LINE_STATUS) & UART_HAS_BYTE) != 0; }

// Each buffer takes at least one byte or ends the batch. The monitor checked who owns them; that they lie in the arena
// is checked here, because only that keeps ring 0's own writes out of everything else.
int console_submit(uint32_t operation, struct device_buffer *buffers, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint64_t address = buffers[i].address;
        uint32_t bytes = buffers[i].bytes, moved = 0;
        bool is_heap = address >= ARENA_BASE && address <= MAP_END && bytes <= MAP_END - address;
        if (!is_heap || !memory_touch(address, bytes)) return -EINVAL;
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
