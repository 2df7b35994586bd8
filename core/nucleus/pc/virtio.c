// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// virtio.c - which virtio devices there are: those on virtio-MMIO, and the list that pci.c adds to.
//
// Where to look comes from ACPI (microvm) or from the boot arguments, in Linux's words:
// virtio_mmio.device=4K@0xd0000000:5 (Firecracker; microvm with acpi=off). It reads identification registers and
// touches nothing else; the boot argument machine=list has the list printed, how much memory there is, and what the
// clocks were taken from.
#include "boot_info.h"
#include "machine.h"
#include "pc.h"

#define MAGIC 0x74726976u         // "virt"
enum mmio_register { MMIO_MAGIC = 0, MMIO_VERSION = 1, MMIO_TYPE = 2 }; // in words of 32 bits

static struct { uint64_t address; uint32_t bytes, line; } candidates[MACHINE_CANDIDATE_MAX];
static uint32_t candidate_count;

void virtio_candidate(uint64_t address, uint32_t bytes, uint32_t line) {
    if (candidate_count == MACHINE_CANDIDATE_MAX) return;
    candidates[candidate_count].address = address;
    candidates[candidate_count].bytes = bytes;
    candidates[candidate_count++].line = line;
}

void virtio_found(const struct machine_device *device) {
    if (machine.device_count < MACHINE_DEVICE_MAX) machine.devices[machine.device_count++] = *device;
}

const char *boot_value(const char *key, const char *after) {
    for (const char *at = after != NULL ? after : boot_info.arguments; *at != 0; at++) {
        size_t i = 0;
        while (key[i] != 0 && at[i] == key[i]) i++;
        if (key[i] == 0 && at[i] == '=' && (at == boot_info.arguments || at[-1] == ' ')) return at + i + 1;
    }
    return NULL;
}

// Decimal, or hexadecimal after 0x; *at moves behind it.
static uint64_t number(const char **at) {
    uint64_t value = 0, base = 10;
    if ((*at)[0] == '0' && (*at)[1] == 'x') base = 16, *at += 2;
    for (;; (*at)++) {
        char c = **at;
        uint64_t digit = 99;
        if (c >= '0' && c <= '9') digit = (uint64_t)(c - '0');
        if (c >= 'a' && c <= 'f') digit = (uint64_t)(c - 'a' + 10);
        if (digit >= base) return value;
        value = value * base + digit;
    }
}

static void arguments_read(void) {
    for (const char *at = NULL; (at = boot_value("virtio_mmio.device", at)) != NULL;) {
        const char *text = at;
        uint64_t bytes = number(&text);
        if (*text == 'K') bytes *= 1024, text++;
        if (*text++ != '@') continue;
        uint64_t address = number(&text);
        if (*text++ == ':') virtio_candidate(address, (uint32_t)bytes, (uint32_t)number(&text));
    }
}

static void list_print(void) {
    static const char *const transports[] = { "mmio", "pci" };
    for (uint32_t i = 0; i < machine.device_count; i++) {
        const struct machine_device *device = &machine.devices[i];
        const uint64_t values[] = { device->type, device->version, device->line, device->common.address,
                                    device->notify.address, device->isr.address, device->config.address };
        static const char *const names[] = { " type=", " version=", " line=", " common=0x",
                                             " notify=0x", " isr=0x", " config=0x" };
        say("MACHINE virtio transport=");
        say(transports[device->transport]);
        for (size_t v = 0; v < sizeof(values) / sizeof(*values); v++) {
            say(names[v]);
            say_number(values[v], v < 3 ? 10 : 16);
        }
        say("\n");
    }
    say("MACHINE memory pages=");
    say_number(frames_total, 10);
    say("\nMACHINE clock rate=");
    say(clock_source);
    say(" wall=");
    say(clock_wall_source);
    say(" seconds=");
    say_number((clock_wall_offset_ns() + clock_ns()) / 1000000000, 10);
    say("\nMACHINE end\n");
}

void virtio_mmio_find(void) {
    arguments_read();
    for (uint32_t i = 0; i < candidate_count; i++) {
        volatile const uint32_t *registers = mmio_map(candidates[i].address);
        if (registers == NULL || registers[MMIO_MAGIC] != MAGIC) continue;
        if (registers[MMIO_TYPE] == 0) continue; // an empty slot
        virtio_found(&(struct machine_device){
            .transport = TRANSPORT_MMIO, .type = registers[MMIO_TYPE], .version = registers[MMIO_VERSION],
            .line = candidates[i].line, .common = { candidates[i].address, candidates[i].bytes } });
    }
}

void machine_find(void) {
    virtio_mmio_find();
    pci_find();
    const char *value = boot_value("machine", NULL);
    if (value != NULL && value[0] == 'l') list_print();
}
