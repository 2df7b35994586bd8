// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// boot.c - from Linux's process start to the monitor's first instruction.
//
// Order: machine checked, keys allocated, memory mapped and filled, devices opened, handlers installed; then a signal to
// ourselves enters the handler with the nucleus's rights, which locks the process down and goes on in the monitor.
// Invariant: no domain instruction runs before lockdown() returned.
#include <asm/unistd.h>
#include <linux/random.h>
#include <linux/sched.h>
#include "autoconf.h"
#include "host.h"
#include "random.h"

const uint32_t config_tick_hz = CONFIG_TICK_HZ;
#ifdef CONFIG_RECOVERY
const bool config_recovery = true;
#else
const bool config_recovery = false;
#endif
const char *boot_program = "cloister";
static char **boot_arguments;
static int boot_argument_count;

static size_t length(const char *text) {
    size_t n = 0;
    while (text[n]) n++;
    return n;
}

static void say(const char *text) { SYSCALL(__NR_write, 2, text, length(text)); }

void die_with(const char *sentence) {
    say("cloister: ");
    say(sentence);
    say("\n");
    SYSCALL(__NR_exit_group, 69);
    __builtin_unreachable();
}

// A bug in the nucleus or the monitor: nothing above can be trusted to report it.
void nucleus_panic_values(const char *what, const uint64_t *values, size_t count) {
    say("\nPANIC nucleus: ");
    say(what);
    for (size_t i = 0; i < count; i++) {
        char digits[20] = " 0x0000000000000000";
        uint64_t value = values[i];
        for (int d = 18; d >= 3; d--, value >>= 4) digits[d] = "0123456789abcdef"[value & 15];
        say(digits);
    }
    say("\n");
    SYSCALL(__NR_exit_group, 70);
    __builtin_unreachable();
}

void random_bytes(void *out, size_t bytes) {
    if (SYSCALL(__NR_getrandom, out, bytes, 0) != (int64_t)bytes) die_with("no random numbers from the kernel");
}

const char *boot_value(const char *key) {
    size_t n = length(key);
    for (int i = 1; i < boot_argument_count; i++) {
        size_t j = 0;
        while (j < n && boot_arguments[i][j] == key[j]) j++;
        if (j == n && boot_arguments[i][j] == '=') return boot_arguments[i] + n + 1;
    }
    return NULL;
}

static void publish_arguments(struct public *public) {
    size_t at = 0;
    for (int i = 1; i < boot_argument_count; i++) {
        size_t n = length(boot_arguments[i]);
        if (at + n + 2 > BOOT_ARGUMENTS_BYTES) die_with("the boot arguments are longer than 2047 bytes; shorten them");
        for (size_t j = 0; j < n; j++) public->boot_arguments[at + j] = boot_arguments[i][j];
        at += n;
        public->boot_arguments[at++] = ' ';
    }
    public->boot_arguments[at ? at - 1 : 0] = 0;
}

__attribute__((noreturn, used)) void nucleus_main(uint64_t *stack) {
    int64_t entered_ns = nucleus_clock_reference(0);
    boot_argument_count = (int)stack[0];
    boot_arguments = (char **)(stack + 1);
    for (int i = 1; i < boot_argument_count; i++) {
        bool has_value = false;
        for (const char *c = boot_arguments[i]; *c; c++) has_value |= *c == '=';
        if (!has_value) die_with("arguments are key=value pairs, for example tap=ck0 ip=10.7.0.2/24 port=6379");
    }
    device_standard_files();
    rights_check_machine();
    arena_check_machine();
    uint64_t seed[2];
    random_bytes(seed, sizeof seed);
    random_seed(seed);
    // One CPU: slots are per CPU, and there is one set of them.
    uint64_t cpus[16] = {0};
    if (SYSCALL(__NR_sched_getaffinity, 0, sizeof cpus, cpus) > 0) {
        for (int i = 16 * 64 - 1; i >= 0; i--) {
            if (!(cpus[i / 64] >> (i % 64) & 1)) continue;
            uint64_t one[16] = {0};
            one[i / 64] = 1ull << (i % 64);
            SYSCALL(__NR_sched_setaffinity, 0, sizeof one, one);
            break;
        }
    }
    rights_allocate();
    memory_map();
    struct public *public = alias(PUBLIC_BASE);
    publish_arguments(public);
    random_bytes(public->boot_random, sizeof public->boot_random);
    random_bytes(&nucleus_signal_token, sizeof nucleus_signal_token);
    rights_tokens();
    thread_prepare_first();
    device_open();
    clock_start(entered_ns);
    signal_install(); // does not come back: the handler goes on in the monitor
    nucleus_panic("the boot signal was not delivered", 0);
}
