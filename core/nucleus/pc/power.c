// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// power.c - how the machine ends, and how somebody outside asks for it.
//
// An end tries what carries a status first (QEMU's isa-debug-exit), then soft off, then reset; what a machine does not
// have is a write that nobody hears. A request is the ACPI power button (on microvm QEMU's generic event device), or
// Ctrl-Alt-Del on a keyboard controller, which is all that Firecracker has.
#include "machine.h"
#include "pc.h"
#include "system.h"

#define EXIT_DEVICE 0xf4
#define ACPI_CONTROL_QEMU 0x604     // q35's and i440fx's, should ACPI not say
#define ACPI_SLEEP 0x2000
#define ACPI_SLEEP_TYPE_SHIFT 10
#define ACPI_SLEEP_REDUCED 0x20     // the same in a hardware-reduced machine's register
#define ACPI_SLEEP_TYPE_SHIFT_REDUCED 2
#define ACPI_IS_ENABLED 1           // SCI_EN
#define POWER_BUTTON (1u << 8)
#define EVENT_POWER_BUTTON 2
#define KEYBOARD_DATA 0x60
#define KEYBOARD_COMMAND 0x64
#define KEYBOARD_ISA_LINE 1
#define KEYBOARD_HAS_BYTE 1
#define KEYBOARD_ABSENT 0xff
#define KEYBOARD_PULSE_RESET 0xfe
#define RESET_PORT 0xcf9            // Intel chipsets
#define RESET_ALL 6
#define KEY_EXTENDED 0xe0
#define KEY_CONTROL 0x1d            // scan code set 1
#define KEY_ALT 0x38
#define KEY_DELETE 0x53
#define KEY_CONTROL_2 0x14          // scan code set 2, which is what Firecracker sends
#define KEY_ALT_2 0x11
#define KEY_DELETE_2 0x71
#define BYTES_MAX 16                // a controller that never runs dry is none

static volatile uint8_t *sleep_register, *reset_register;
static volatile uint32_t *event_register;

static void power_event(void) {
    uint16_t status = port_read_16((uint16_t)machine.pm_event);
    port_write_16((uint16_t)machine.pm_event, status); // a 1 clears
    if ((status & POWER_BUTTON) != 0) request(NUCLEUS_WAIT_STOP);
}

static void generic_event(void) {
    if ((*event_register & EVENT_POWER_BUTTON) != 0) request(NUCLEUS_WAIT_STOP); // reading it clears it
}

// The last three keys pressed, in scan code set 1 or 2, whichever the controller hands out.
static void keyboard(void) {
    static uint8_t control, alt;
    for (int i = 0; i < BYTES_MAX && (port_read(KEYBOARD_COMMAND) & KEYBOARD_HAS_BYTE) != 0; i++) {
        uint8_t code = port_read(KEYBOARD_DATA);
        if (code == KEY_EXTENDED) continue;
        bool is_right = (control == KEY_CONTROL && alt == KEY_ALT && code == KEY_DELETE) ||
                        (control == KEY_CONTROL_2 && alt == KEY_ALT_2 && code == KEY_DELETE_2);
        if (is_right) request(NUCLEUS_WAIT_STOP);
        control = alt;
        alt = code;
    }
}

void power_start(void) {
    if (machine.sleep.address != 0 && !machine.sleep.is_port) sleep_register = mmio_map(machine.sleep.address);
    if (machine.reset.address != 0 && !machine.reset.is_port) reset_register = mmio_map(machine.reset.address);
    if (machine.event.address != 0) {
        event_register = mmio_map(machine.event.address);
        line_open(machine.event_line, false, false, generic_event);
    }
    if (machine.pm_event != 0) {
        if ((port_read_16((uint16_t)machine.pm_control) & ACPI_IS_ENABLED) == 0 && machine.acpi_command != 0)
            port_write((uint16_t)machine.acpi_command, machine.acpi_enable);
        port_write_16((uint16_t)(machine.pm_event + machine.pm_event_bytes / 2), POWER_BUTTON);
        // level, whatever ISA's are
        line_open(machine.power_line.line, true, machine.power_line.is_low_active, power_event);
    }
    if (port_read(KEYBOARD_COMMAND) != KEYBOARD_ABSENT) {
        keyboard();                   // what is there already would keep the line from rising
        line_open_isa(KEYBOARD_ISA_LINE, keyboard);
    }
}

static void soft_off(void) {
    if (sleep_register != NULL)
        *sleep_register = (uint8_t)(machine.sleep_type << ACPI_SLEEP_TYPE_SHIFT_REDUCED | ACPI_SLEEP_REDUCED);
    uint32_t control = machine.pm_control != 0 ? machine.pm_control : ACPI_CONTROL_QEMU;
    port_write_16((uint16_t)control, (uint16_t)(machine.sleep_type << ACPI_SLEEP_TYPE_SHIFT | ACPI_SLEEP));
}

static void reset(void) {
    if (reset_register != NULL) *reset_register = machine.reset_value;
    if (machine.reset.is_port) port_write((uint16_t)machine.reset.address, machine.reset_value);
    port_write(RESET_PORT, RESET_ALL);
    port_write(KEYBOARD_COMMAND, KEYBOARD_PULSE_RESET);
    const struct __attribute__((packed)) { uint16_t limit; uint64_t base; } no_traps = { 0, 0 };
    __asm__ volatile("lidt %0; int3" : : "m"(no_traps)); // a triple fault
}

_Noreturn void machine_end(uint32_t status) {
    port_write(EXIT_DEVICE, (uint8_t)status);
    if (status != SYSTEM_STATUS_REBOOT) soft_off();
    // Off takes a moment; a reset in between would start the machine again. Without ACPI a reset is the end
    // (Firecracker).
    if (status == SYSTEM_STATUS_REBOOT || (machine.pm_control == 0 && sleep_register == NULL)) reset();
    for (;;) __asm__ volatile("cli; hlt");
}
