// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// frames.c - physical memory, a page at a time, zeroed; never given back.
//
// The pool is what the boot protocol calls usable memory between the boot code and 4 GiB, without the image. While
// boot.S's tables are in use a frame is written at its physical address, later through FRAMES_BASE: frame_memory()
// knows. Invariant: no frame is handed out twice, and none holds a byte of text.
#include "boot_info.h"
#include "pc.h"

extern const uint64_t boot_end_address;
extern char image_end[];

#define POOL_MAX (2 * BOOT_MEMORY_MAX) // the image can cut a range in two

static struct boot_memory pool[POOL_MAX];
static uint32_t pool_count, pool_current;
static uintptr_t window;                             // 0, then FRAMES_BASE
uint64_t frames_total, frames_taken;

void *frame_memory(uintptr_t frame) { return (void *)(frame + window); }

static void pool_add(uint64_t start, uint64_t end) {
    start = (start + PAGE_BYTES - 1) & -(uint64_t)PAGE_BYTES;
    end = (end < PHYSICAL_LIMIT ? end : PHYSICAL_LIMIT) & -(uint64_t)PAGE_BYTES;
    for (uint32_t i = 0; i < pool_count && start < end; i++) {
        if (start >= pool[i].end || end <= pool[i].start) continue;
        pool_add(start, pool[i].start); // firmware that names memory twice: only what is new
        start = pool[i].end;
    }
    if (start >= end || pool_count == POOL_MAX) return;
    pool[pool_count++] = (struct boot_memory){ start, end };
    frames_total += (end - start) / PAGE_BYTES;
}

#define TOO_LITTLE "this machine has too little memory; give it more (QEMU: -m 64)"

// A BIOS takes the end of memory for itself, also when a small machine has the image there by now: then nothing of it
// is to be believed, and the sentence is the best that can come.
void frames_start(void) {
    uint64_t image = PHYSICAL_BASE, behind = (uintptr_t)image_end - TEXT_BASE + PHYSICAL_BASE;
    bool is_image_whole = false;
    for (uint32_t i = 0; i < boot_info.memory_count; i++)
        is_image_whole |= boot_info.memory[i].start <= image && behind <= boot_info.memory[i].end;
    if (!is_image_whole) die_with(TOO_LITTLE);
    for (uint32_t i = 0; i < boot_info.memory_count; i++) {
        uint64_t start = boot_info.memory[i].start, end = boot_info.memory[i].end;
        if (start < boot_end_address) start = boot_end_address;
        pool_add(start, end < image ? end : image);
        pool_add(start > behind ? start : behind, end);
    }
}

// From the moment on at which paging.c's own tables are in use.
void frames_move(void) { window = FRAMES_BASE; }

void frames_each(void (*act)(uintptr_t start, uintptr_t end)) {
    for (uint32_t i = 0; i < pool_count; i++) act(pool[i].start, pool[i].end);
}

uintptr_t frame_take(void) {
    static uintptr_t next;
    while (pool_current < pool_count && next >= pool[pool_current].end) pool_current++, next = 0;
    if (pool_current == pool_count) {
        if (window == 0) die_with(TOO_LITTLE);
        nucleus_panic("out of memory; pages in use:", frames_taken);
    }
    if (next < pool[pool_current].start) next = pool[pool_current].start;
    uintptr_t frame = next;
    next += PAGE_BYTES;
    frames_taken++;
    void *target = frame_memory(frame);
    size_t words = PAGE_BYTES / 8;
    __asm__ volatile("rep stosq" : "+D"(target), "+c"(words) : "a"(0ull) : "memory");
    return frame;
}
