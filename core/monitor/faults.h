// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// faults.h - fault records inside the monitor: fault.c makes and tells them, who handles a fault says what became of it.
#ifndef MONITOR_FAULTS_H
#define MONITOR_FAULTS_H

#include "monitor.h"
#include "recovery.h"

#define COMPONENT_FRAMES_MAX 16

// The ends of the parts of a recovery, in order; each is the TSC then.
enum fault_part { FAULT_DETECTED, FAULT_UNWOUND, FAULT_BEGUN, FAULT_RECLAIMED, FAULT_RESET, FAULT_READY };

struct fault_place { const char *owner, *object; uint32_t key; };

struct fault_record {
    uint64_t number, at_ns, at_tsc, tsc[FAULT_READY + 1];
    uint64_t address, rip, site;         // site: the return address of the call by which it was entered; 0: not known
    const char *domain, *component;
    const struct edge *edge;
    struct fault_place place;
    uint32_t kind, generation, thread, outcome, restart, wait_ms;
    uint32_t said;                       // the outcome that was told, + 1
};

// Describes and keeps it; the caller fills in the outcome. It is valid until FAULTS_KEPT later.
struct fault_record *faults_add(const struct fault *fault, uint32_t generation);
void faults_say(struct fault_record *record);
// One that is not told yet, or whose outcome is not. False: there is none.
bool faults_say_one(void);
// The record of that number; one that nobody reads when only later ones are kept.
struct fault_record *faults_find(uint64_t number);
// Can whoever's rights were live not be blamed?
bool fault_is_nameless(const struct fault *fault);

#endif
