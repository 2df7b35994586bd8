// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// clock.c - the TSC is the clock; how fast it runs comes from whatever this machine has, the best first.
//
//   1. CPUID leaf 0x15, the CPU's own word        4. ACPI's timer, a port
//   2. CPUID leaf 0x40000010, the hypervisor's    5. the PIT, where there is one (it need not be: microvm)
//   3. KVM's clock page                           6. the seconds of the real-time clock
// Wall time: KVM's clock page, else the real-time clock, which tells whole seconds. Invariant: clock_ns() never goes
// backwards.
#include "machine.h"
#include "pc.h"

#define LEAF_FEATURES 1
#define LEAF_TSC 0x15
#define LEAF_HYPERVISOR 0x40000000
#define LEAF_KVM_FEATURES 0x40000001
#define LEAF_FREQUENCY 0x40000010
#define KVM_SIGNATURE 0x4b4d564bu     // "KVMK"
#define KVM_FEATURE_CLOCK 3
#define MSR_KVM_WALL 0x4b564d00
#define MSR_KVM_CLOCK 0x4b564d01
#define PIT_CHANNEL_0 0x40
#define PIT_COMMAND 0x43
#define PIT_ONE_SHOT 0x30             // channel 0, both bytes, mode 0
#define PIT_HZ 1193182
#define PIT_MASK 0xffff
#define PM_HZ 3579545
#define PM_MASK 0xffffff              // it may have 24 bits only
#define READINGS 8
#define STILL_MAX 1000                // moments, each of at least a microsecond, in which a counter must have moved
#define WINDOWS_PER_SECOND 500        // 2 ms: most of a boot is waiting for this; a reading is good to 0.02% of it
#define RTC_INDEX 0x70
#define RTC_DATA 0x71
#define RTC_STATUS_A 0x0a
#define RTC_STATUS_B 0x0b
#define RTC_IS_UPDATING 0x80
#define RTC_IS_BINARY 4
#define RTC_IS_24_HOURS 2
#define ABSENT 0xff                   // a port that nobody drives
#define SPINS_MAX 100000000           // a counter that stands still is no clock
#define KHZ_MIN 1000                  // less is no measurement

struct kvm_clock {
    uint32_t version, pad;
    uint64_t tsc, ns;
    uint32_t multiplier;
    int8_t shift;
    uint8_t flags, pad2[2];
};
struct kvm_wall { uint32_t version, seconds, ns; };

static uint64_t tsc_khz, tsc_start, wall_offset_ns;
const char *clock_source, *clock_wall_source = "none"; // for machine=list

uint64_t clock_ns(void) {
    uint64_t ticks = tsc_read() - tsc_start; // split, so that the product stays below 2^64 for years
    return ticks / tsc_khz * 1000000 + ticks % tsc_khz * 1000000 / tsc_khz;
}

uint64_t clock_wall_offset_ns(void) { return wall_offset_ns; }

static bool has_kvm_clock(void) {
    uint32_t leaf[4];
    cpuid(LEAF_HYPERVISOR, leaf);
    return cpu_has(LEAF_FEATURES, 2, 31) && leaf[1] == KVM_SIGNATURE &&
           cpu_has(LEAF_KVM_FEATURES, 0, KVM_FEATURE_CLOCK);
}

// The page's frame is ring 0's own and stays the hypervisor's to write.
static const volatile struct kvm_clock *kvm_clock(void) {
    static uintptr_t frame;
    if (frame == 0) {
        frame = frame_take();
        msr_write(MSR_KVM_CLOCK, frame | 1);
    }
    return frame_memory(frame);
}

static uint64_t khz_from_kvm(void) {
    if (!has_kvm_clock()) return 0;
    const volatile struct kvm_clock *clock = kvm_clock();
    uint64_t khz = clock->multiplier != 0 ? (1000000ull << 32) / clock->multiplier : 0;
    return clock->shift < 0 ? khz << -clock->shift : khz >> clock->shift;
}

// ---- a counter of a known rate: ACPI's timer, the PIT

// Of several readings the one that took least.
struct clock_moment clock_moment(uint32_t (*read)(void)) {
    struct clock_moment best = { 0, 0 };
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < READINGS; i++) {
        uint64_t before = tsc_read();
        uint32_t count = read();
        uint64_t took = tsc_read() - before;
        if (took < least) least = took, best = (struct clock_moment){ before + took / 2, count };
    }
    return best;
}

// 0: it stands still.
static uint64_t khz_against(uint32_t (*read)(void), uint32_t mask, uint64_t hz) {
    struct clock_moment start = clock_moment(read), now = start;
    uint32_t passed = 0;
    for (int i = 0; passed < hz / WINDOWS_PER_SECOND && (passed != 0 || i < STILL_MAX); i++) {
        now = clock_moment(read);
        passed = (now.count - start.count) & mask;
    }
    return passed == 0 ? 0 : (now.tsc - start.tsc) * hz / ((uint64_t)passed * 1000);
}

static uint32_t pm_read(void) { return port_read_32((uint16_t)machine.pm_timer); }

static uint64_t khz_from_pm_timer(void) { return machine.pm_timer != 0 ? khz_against(pm_read, PM_MASK, PM_HZ) : 0; }

static uint32_t pit_read(void) {
    port_write(PIT_COMMAND, 0);       // latch channel 0
    uint32_t low = port_read(PIT_CHANNEL_0);
    return -(low | (uint32_t)port_read(PIT_CHANNEL_0) << 8); // it counts down
}

// Channel 0, because the gate of channel 2 (port 0x61) is missing on microvm. Its interrupt goes nowhere: see apic.c.
static uint64_t khz_from_pit(void) {
    port_write(PIT_COMMAND, PIT_ONE_SHOT);
    port_write(PIT_CHANNEL_0, 0xff);
    port_write(PIT_CHANNEL_0, 0xff);
    return khz_against(pit_read, PIT_MASK, PIT_HZ);
}

// ---- the real-time clock

static uint8_t rtc_read(uint8_t index) {
    port_write(RTC_INDEX, index);
    return port_read(RTC_DATA);
}

static uint32_t rtc_number(uint8_t index) {
    uint8_t value = rtc_read(index);
    return rtc_read(RTC_STATUS_B) & RTC_IS_BINARY ? value : (uint32_t)(value >> 4) * 10 + (value & 15);
}

static bool has_rtc(void) { return rtc_read(RTC_STATUS_B) != ABSENT; }

static void rtc_settle(void) {
    for (int i = 0; i < SPINS_MAX && (rtc_read(RTC_STATUS_A) & RTC_IS_UPDATING) != 0; i++) {}
}

static uint64_t rtc_second_start(void) {
    uint32_t second = rtc_number(0);
    for (int i = 0; i < SPINS_MAX && rtc_number(0) == second; i++) {}
    return tsc_read();
}

static uint64_t khz_from_rtc(void) {
    if (!has_rtc()) return 0;
    uint64_t start = rtc_second_start();
    return (rtc_second_start() - start) / 1000;
}

static uint64_t rtc_seconds(void) {
    rtc_settle();
    uint32_t second = rtc_number(0), minute = rtc_number(2);
    uint32_t day = rtc_number(7), month = rtc_number(8), year = rtc_number(9);
    uint8_t raw_hour = rtc_read(4);
    bool is_binary = (rtc_read(RTC_STATUS_B) & RTC_IS_BINARY) != 0;
    uint32_t hour = is_binary ? raw_hour & 0x7fu : (raw_hour >> 4 & 7u) * 10 + (raw_hour & 15u);
    if ((rtc_read(RTC_STATUS_B) & RTC_IS_24_HOURS) == 0) hour = hour % 12 + (raw_hour & 0x80 ? 12 : 0);
    year += machine.century != 0 ? rtc_number(machine.century) * 100 : 2000;
    if (month <= 2) year--, month += 12;   // years from March on, so that the day that leaps is the last
    uint64_t days = 365ull * year + year / 4 - year / 100 + year / 400 + (153 * (month - 3) + 2) / 5 + day - 1 - 719468;
    return ((days * 24 + hour) * 60 + minute) * 60 + second;
}

// ---- all together

static uint64_t khz_from_cpu(void) {
    uint32_t leaf[4];
    cpuid(LEAF_TSC, leaf);
    return leaf[0] != 0 && leaf[1] != 0 ? (uint64_t)leaf[2] * leaf[1] / leaf[0] / 1000 : 0;
}

static uint64_t khz_from_hypervisor(void) {
    uint32_t leaf[4];
    cpuid(LEAF_FREQUENCY, leaf);
    return cpu_has(LEAF_FEATURES, 2, 31) ? leaf[0] : 0;
}

static void khz_find(void) {
    static const struct { const char *name; uint64_t (*measure)(void); } sources[] = {
        { "cpu", khz_from_cpu }, { "hypervisor", khz_from_hypervisor }, { "kvm", khz_from_kvm },
        { "acpi", khz_from_pm_timer }, { "pit", khz_from_pit }, { "rtc", khz_from_rtc } };
    for (size_t i = 0; i < sizeof(sources) / sizeof(*sources) && tsc_khz < KHZ_MIN; i++) {
        clock_source = sources[i].name;
        tsc_khz = sources[i].measure();
    }
}

static uint64_t wall_from_kvm(void) {
    uintptr_t frame = frame_take();
    msr_write(MSR_KVM_WALL, frame);    // written once, now: when the hypervisor's own clock was 0
    const volatile struct kvm_wall *wall = frame_memory(frame);
    const volatile struct kvm_clock *clock = kvm_clock();
    uint64_t ticks = tsc_read() - clock->tsc;
    uint64_t shifted = clock->shift < 0 ? ticks >> -clock->shift : ticks << clock->shift;
    unsigned __int128 since = (unsigned __int128)shifted * clock->multiplier;
    return wall->seconds != 0 ? wall->seconds * 1000000000ull + wall->ns + clock->ns + (uint64_t)(since >> 32) : 0;
}

static uint64_t wall_find(void) {
    clock_wall_source = "kvm";
    uint64_t wall_ns = has_kvm_clock() ? wall_from_kvm() : 0;
    if (wall_ns != 0) return wall_ns;
    clock_wall_source = has_rtc() ? "rtc" : "none";
    return has_rtc() ? rtc_seconds() * 1000000000ull : 0;
}

void clock_start(uint64_t entered_tsc) {
    khz_find();
    if (tsc_khz < KHZ_MIN)
        die_with("nothing to measure the TSC against; "
                 "give this machine a PIT, an ACPI timer or a real-time clock");
    tsc_start = entered_tsc;
    uint64_t wall_ns = wall_find();
    wall_offset_ns = wall_ns != 0 ? wall_ns - clock_ns() : 0;
    struct public *public = public_writable();
    public->clock.base_tsc = tsc_start;
    public->clock.multiplier = (1000000ull << 32) / tsc_khz;
    public->clock.wall_offset_ns = wall_offset_ns;
    public->clock.tsc_khz = tsc_khz;
}
