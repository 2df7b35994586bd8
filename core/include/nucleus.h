// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// nucleus.h - the seam between the monitor, which decides, and the platform, which acts.
//
// Two implementations: core/nucleus/host (a Linux process) and core/nucleus/pc (ring 0). The monitor is the only
// caller: on host through a gate to PKRU_N, on pc by the one syscall instruction, on backend none directly.
// Pointers are the monitor's own or shared-heap memory; the nucleus follows them through its alias, never directly.
// None of these blocks but nucleus_wait. Downcalls are above the line, upcalls into the monitor below it.
#ifndef CORE_NUCLEUS_H
#define CORE_NUCLEUS_H

#include <stdint.h>
#include <stddef.h>
#include "gate.h"
#include "device.h"
#include "fault.h"

// Prepares thread's stacks in every domain: on its first switch it starts in the monitor's upcall
// UPCALL_THREAD(thread). Returns 0, or -EINVAL when thread >= THREAD_MAX.
GATE(nucleus) int nucleus_thread_create(uint32_t thread);

// Gives the CPU to thread; returns when somebody switches back. Swaps the stack anchors of every domain.
GATE(nucleus) int nucleus_thread_switch(uint32_t thread);

// From UPCALL_TICK only: goes on with what the tick interrupted. Does not return.
GATE(nucleus) int nucleus_thread_continue(void);

// Bits of nucleus_wait's result beside the devices: somebody outside asks for the end, or for the statistics.
#define NUCLEUS_WAIT_STOP (1ll << 60)
#define NUCLEUS_WAIT_REPORT (1ll << 61)

// Idles until deadline_ns (of time_now_ns()) or until a device in the mask devices (bit = device id) is ready to read.
// Returns the mask of ready devices and requests, 0 at the deadline. With deadline 0 it only looks.
GATE(nucleus) int64_t nucleus_wait(uint64_t deadline_ns, uint64_t devices);

// device_submit() after the monitor checked it; buffers is the monitor's private copy.
GATE(nucleus) int nucleus_device_submit(uint32_t device, uint32_t operation, struct device_buffer *buffers,
                                        size_t count);

// Writes text to the console at once, for reports.
GATE(nucleus) int nucleus_console_write(const char *text, size_t bytes);

// The platform's monotonic clock, in ns, for calibration; slow. wall != 0: nanoseconds since 1970 instead.
GATE(nucleus) int64_t nucleus_clock_reference(uint32_t wall);

// Copies the words at offset of domain's slots (counters) into out: count u64. For reports.
GATE(nucleus) int nucleus_slots_read(uint32_t domain, uint32_t offset, uint64_t *out, size_t count);

// Copies domain memory, wherever it lies, into out (for reports: the walk of a faulted thread's frames).
// Returns 0, or -EINVAL when [address, +bytes) is not wholly inside one domain's mapped memory.
GATE(nucleus) int nucleus_memory_read(uintptr_t address, void *out, size_t bytes);

// Strict mode of the shared heap: from now on pages pages from address, all inside the arena, are for domain alone (and
// for the nucleus's alias). Returns 0; -EINVAL for another range or domain; -ENOMEM when Linux cannot split its
// mapping; -ENODEV in shared mode. One CPU: when it returns, nobody reaches the pages by another key. Several: the CPUs
// that may hold a translation with a key that ends (those that ran the domain since the last such call) must drop it,
// and acknowledge, before this returns: only then may the monitor change the owner table or zero the pages.
GATE(nucleus) int nucleus_page_rekey(uintptr_t address, size_t pages, uint32_t domain);

// ---- recovery (CONFIG_RECOVERY): the monitor decides what has died, and when it may serve again ----

// From now on no call enters domain: each returns -EDOMAINDEAD; and no return: each meets a new sentinel and dies at the
// gate's check. All threads' stacks in it are empty. Returns 0, or -EINVAL for what is no domain.
GATE(nucleus) int nucleus_domain_freeze(uint32_t domain);

// Puts the data of a frozen domain back to what the image holds; persistent data and the contents of its heap stay.
// Returns 0, or -EINVAL.
GATE(nucleus) int nucleus_domain_restore(uint32_t domain);

// A new token for edge (on both sides, give edges: on all), or with is_kept the old one written again, from the side
// that did not die (keeper: its domain). Returns 0, or -EINVAL. Edges into the nucleus keep theirs.
GATE(nucleus) int nucleus_token_draw(uint32_t edge, uint32_t keeper, uint32_t is_kept);

// Calls may enter domain again: on that thread alone, or on all (thread == THREAD_MAX). Returns 0, or -EINVAL.
GATE(nucleus) int nucleus_domain_thaw(uint32_t domain, uint32_t thread);

// Fills out as if thread had faulted just now: where a tick interrupted it (meaningless when none did), and its anchors.
GATE(nucleus) int nucleus_thread_view(uint32_t thread, struct fault *out);

// The running thread goes on in domain at rip, with stack pointer rsp, result in the register in which a gate's unwind
// entry wants it, all else zero; the monitor's anchor becomes monitor_anchor. Does not return but with -EINVAL.
GATE(nucleus) int nucleus_thread_unwind(uint32_t domain, uint64_t rip, uint64_t rsp, int64_t result,
                                        uint64_t monitor_anchor);

// Its driver died: the device stops using memory, forgets what it was told, and starts anew. Returns 0, also when there
// is nothing to reset; -EIO when the device does not answer: it stays off.
GATE(nucleus) int nucleus_device_reset(uint32_t device);

// Ends the system with an exit status (0..255). Does not return. pc: without a device that takes the status,
// SYSTEM_STATUS_REBOOT resets the machine, and any other switches it off.
GATE(nucleus) int nucleus_shutdown(uint32_t status);

// ---- upcalls: the nucleus enters the monitor at monitor_upcall(kind, argument) on the running thread's stack ----
enum upcall {
    UPCALL_BOOT,    // once, thread 0
    UPCALL_THREAD,  // a new thread's first instruction; argument = thread
    UPCALL_TICK,    // the timer interrupted a domain; end with nucleus_thread_continue()
    UPCALL_FAULT,   // argument = address of the struct fault that the nucleus left in monitor_fault_record
    UPCALL_STOP,    // somebody outside asks the system to end (host: SIGTERM; pc: power button)
    UPCALL_REPORT,  // somebody outside asks for the statistics (host: SIGUSR1; pc: NMI); ends like a tick
};

#endif
