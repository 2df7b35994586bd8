// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// tick.c - the one interrupt: channel 0 of the PIT through the PIC, armed for one tick at a time.
//
// Ring 0 always runs with interrupts off and CPL 3 always with interrupts on. A tick that finds the monitor at work asks
// again soon, so that gates need no exit hook; those sections are bounded. All other lines stay masked.
#include "pc.h"
#include "autoconf.h"

#define PIT_CHANNEL_0 0x40
#define PIT_ONE_SHOT 0x30         // channel 0, both bytes, mode 0
#define PIC_MASTER 0x20
#define PIC_SLAVE 0xa0
#define PIC_START 0x11            // ICW1: edge, cascade, ICW4 follows
#define PIC_CASCADE_LINE 2
#define PIC_8086 1
#define PIC_END 0x20
#define TICKS (PIT_HZ / CONFIG_TICK_HZ < 0xffff ? PIT_HZ / CONFIG_TICK_HZ : 0xffff)
#define TICKS_SOON 24             // 20 us

static void arm(uint32_t ticks) {
    port_write(PIT_COMMAND, PIT_ONE_SHOT);
    port_write(PIT_CHANNEL_0, (uint8_t)ticks);
    port_write(PIT_CHANNEL_0, (uint8_t)(ticks >> 8));
}

void tick_start(void) {
    const uint8_t master[] = { VECTOR_TICK, 1 << PIC_CASCADE_LINE, PIC_8086, 0xfe };
    const uint8_t slave[] = { VECTOR_TICK + 8, PIC_CASCADE_LINE, PIC_8086, 0xff };
    port_write(PIC_MASTER, PIC_START);
    port_write(PIC_SLAVE, PIC_START);
    for (size_t i = 0; i < sizeof(master); i++) {
        port_write(PIC_MASTER + 1, master[i]);
        port_write(PIC_SLAVE + 1, slave[i]);
    }
    arm(TICKS);
}

// Returns whether the monitor is to hear of it; else the interrupted code goes on.
bool tick_taken(bool is_monitor_busy) {
    port_write(PIC_MASTER, PIC_END);
    arm(is_monitor_busy ? TICKS_SOON : TICKS);
    return !is_monitor_busy;
}
