// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// handover.pml - who gets the CPU next: core/monitor/threads.c, and a scheduler that is not trusted.
//
// One CPU. A domain runs, or the scheduler is being asked, or nothing can run and the nucleus waits (mode). Thread 0 is
// the healer, of the highest priority; the others do what any domain may, in any order. The monitor is never preempted,
// so each of its functions is one step, but where it asks the scheduler. That answers anything, or never (the tick that
// finds it for the BUDGETth time makes it a fault), dies, or tries to enter the monitor, which refuses. The healer
// starts it again, or gives up. Threads also call into its domain, and wait in the monitor from there.
//
// Time is abstract: a deadline passes when it likes (due), a device becomes ready when it likes. An event's counter is
// a bit per thread, bumped since that thread looked; that it does not wrap meanwhile is assumed. order is what last_run
// says: who ran least recently. passed is a ghost: no step of the monitor reads it. BUG_* are seeded bugs, compiled in
// by -D; tests/groups/group_model.py has the scenarios. Not here: gates and frames (unwinding.pml), locks, more than
// one event.

#define HEALER 0
#define LAST 3                    // threads 1 .. LAST are the domains'
#define PRIORITY(t) ((t == HEALER) -> 3 : ((t == LAST) -> LAST_PRIORITY : 2))
#define NOBODY 7
#define BUDGET 2
// states of threads, modes, states of the scheduler
#define RUNNABLE 0
#define WAITING 1
#define ENDED 2
#define DOMAIN 0
#define ASKING 1
#define IDLE 2
#define STOPPED 3
#define ALIVE 0
#define DEAD 1
#define DOWN 2

byte mode, current = 1;
byte state[4];
bit on_event[4], has_deadline[4]; // waits[]
byte order[4];                    // of threads 1..3: 0 ran least recently
bit busy;                         // public_area.cpu.monitor_busy
byte sched;
bit loops;                        // the scheduler will not answer this question
byte found_asking;                // ticks that found it unanswered
bit bumped[4], due[4], ready;     // since the thread looked; its deadline has passed; the device
bit inside[4];                    // the thread is in the scheduler's domain, or waits on its behalf
byte passed[4];                   // switches to others of its priority, decided by the fallback, while it could run
hidden byte i, n, best, old;

#define RUNS(t) (mode == DOMAIN && current == t)
#define CAN_RUN(t) (state[t] == RUNNABLE)

// ---- threads.c

inline make_runnable(t) {
    on_event[t] = 0;
    has_deadline[t] = 0;
    due[t] = 0;
    state[t] = RUNNABLE
}
inline ran(t) { // last_run = ++switches
    if
    :: t != HEALER ->
        old = order[t];
        for (i : 1 .. LAST) { if :: order[i] > old -> order[i]-- :: else fi }
        order[t] = LAST - 1
    :: else
    fi
}
inline wake_waiters() {
    for (i : 0 .. LAST) {
        bumped[i] = i != HEALER && state[i] != ENDED;
        if :: state[i] == WAITING && on_event[i] -> make_runnable(i) :: else fi
    }
}
inline wake_due() {
    for (i : 0 .. LAST) {
        if :: state[i] == WAITING && has_deadline[i] && due[i] -> make_runnable(i) :: else fi
    }
}
inline deliver() {
    if :: ready -> ready = 0; wake_waiters() :: else fi
}

inline switch_to(t, by_fallback) {
#ifdef FALLBACK_ALONE
    for (i : 1 .. LAST) {
        if
        :: i == t || !CAN_RUN(i) || PRIORITY(i) != PRIORITY(t) -> passed[i] = 0
        :: by_fallback && t != current && i != t && CAN_RUN(i) && PRIORITY(i) == PRIORITY(t) ->
            passed[i]++;
            assert(passed[i] < LAST)
        :: else
        fi
    }
#endif
    assert(CAN_RUN(t)); // and nobody else ever runs
    if
    :: t != current -> ran(t); current = t
    :: else
    fi;
    mode = DOMAIN;
    n = 0
}
inline fallback() {
    best = NOBODY;
    for (i : 0 .. LAST) {
        if
        :: CAN_RUN(i) && (best == NOBODY || PRIORITY(i) > PRIORITY(best) ||
#ifdef BUG_FALLBACK_BY_INDEX
                          false) -> best = i
#else
                          (PRIORITY(i) == PRIORITY(best) && order[i] < order[best])) -> best = i
#endif
        :: else
        fi
    }
    switch_to(best, 1)
}
inline schedule() { // and choose(), up to where it asks
    n = 0;
    for (i : 0 .. LAST) { if :: CAN_RUN(i) -> n++; best = i :: else fi }
    if
    :: n == 0 -> mode = IDLE
    :: n == 1 -> switch_to(best, 0)
    :: n > 1 && CAN_RUN(HEALER) -> switch_to(HEALER, 0) // nobody is asked
    :: n > 1 && !CAN_RUN(HEALER) && sched == ALIVE -> mode = ASKING; busy = 1; found_asking = 0
#ifdef BUG_IDLE_WHILE_DOWN
    :: n > 1 && !CAN_RUN(HEALER) && sched != ALIVE -> mode = IDLE
#else
    :: n > 1 && !CAN_RUN(HEALER) && sched != ALIVE -> fallback()
#endif
    fi;
    n = 0
}
inline block(t, event, deadline) {
    on_event[t] = event;
    has_deadline[t] = deadline;
    due[t] = 0;
    state[t] = WAITING;
    if :: event -> deliver() :: else fi; // when nobody else can run, idle() does it, at once
    schedule()
}

#define IS_DUE(t) (state[t] == WAITING && has_deadline[t] && due[t])
#define AWAITS(t) (state[t] == WAITING && on_event[t])
#ifdef BUG_IDLE_ASKS_NO_DEVICE
#define WAIT_IS_OVER (IS_DUE(0) || IS_DUE(1) || IS_DUE(2) || IS_DUE(3))
#else
#define WAIT_IS_OVER (IS_DUE(0) || IS_DUE(1) || IS_DUE(2) || IS_DUE(3) || \
                      (ready && (AWAITS(1) || AWAITS(2) || AWAITS(3))))
#endif

// ---- what the scheduler does when it is asked

inline answered() {
#ifndef BUG_BUSY_STAYS
    busy = 0;
#endif
    found_asking = 0;
    loops = 0
}
// The scheduler's domain has died: whoever was inside leaves, the healer runs.
inline dies() {
    sched = DEAD;
    for (i : 1 .. LAST) {
        if
#ifdef BUG_ASKER_FORGOTTEN
        :: inside[i] && i == current -> skip
#endif
        :: inside[i] && state[i] == WAITING -> make_runnable(i); inside[i] = 0
        :: else -> inside[i] = 0
        fi
    }
#ifndef BUG_HEALER_SLEEPS
    if :: state[HEALER] == WAITING -> make_runnable(HEALER) :: else fi;
#endif
    n = 0
}

#ifdef BUG_ANSWER_UNCHECKED
#define MAY_BE_ANSWERED(t) true
#else
#define MAY_BE_ANSWERED(t) CAN_RUN(t)
#endif
#define ASKED (mode == ASKING && !loops)
proctype scheduler() {
    do
    :: d_step { ASKED && MAY_BE_ANSWERED(1) -> answered(); switch_to(1, 0) }
    :: d_step { ASKED && MAY_BE_ANSWERED(2) -> answered(); switch_to(2, 0) }
    :: d_step { ASKED && MAY_BE_ANSWERED(3) -> answered(); switch_to(3, 0) }
    :: d_step { ASKED -> dies(); answered(); fallback() }              // it faults, or answers what cannot run
    :: d_step { ASKED -> loops = 1 }
#ifdef BUG_ENTERED_WHILE_ASKING
    :: d_step { ASKED -> fallback() }                          // it yields: the monitor has nobody to ask, and switches
#endif
    :: mode == STOPPED -> break
    od
}

// ---- the outside

proctype timer() {
    do
    :: d_step { mode == DOMAIN && !busy -> // threads_tick
        if :: AWAITS(1) || AWAITS(2) || AWAITS(3) -> deliver() :: else fi;
#ifndef BUG_TICK_KEEPS_NO_TIME
        wake_due();
#endif
        n = 0;
        for (i : 0 .. LAST) { if :: i != current && CAN_RUN(i) && PRIORITY(i) >= PRIORITY(current) -> n = 1 :: else fi }
        if
        :: n ->
#ifndef BUG_TICK_KEEPS_ORDER
            ran(current);
#endif
            schedule()
        :: else
        fi;
        n = 0 }
#ifndef BUG_NO_BUDGET
    :: d_step { mode == ASKING && found_asking < BUDGET - 1 -> found_asking++ }
    :: d_step { mode == ASKING && found_asking == BUDGET - 1 -> dies(); answered(); fallback() }
#endif
    :: mode == STOPPED -> break
    od
}
proctype clock(byte t) {
    do
    :: d_step { state[t] == WAITING && has_deadline[t] && !due[t] -> due[t] = 1 }
    :: mode == STOPPED -> break
    od
}
proctype device() {
    do
    :: d_step { !ready -> ready = 1 }
    :: mode == STOPPED -> break
    od
}
proctype nucleus() { // nucleus_wait() in idle(), which schedule() calls until somebody can run
    do
    :: d_step { mode == IDLE && WAIT_IS_OVER ->
        deliver();
        wake_due();
        schedule() }
    :: mode == STOPPED -> break
    od
}

// ---- threads

proctype healer() {
    do
    :: d_step { RUNS(HEALER) && sched == DEAD -> sched = ALIVE }
    :: d_step { RUNS(HEALER) && sched == DEAD -> block(HEALER, 0, 1) } // its init failed: back-off
    :: d_step { RUNS(HEALER) && sched == DEAD -> sched = DOWN }         // and failed for the last time
    :: d_step { RUNS(HEALER) && sched != DEAD -> block(HEALER, 0, 0) }
    :: mode == STOPPED -> break
    od
}
proctype thread(byte t) {
    do
    :: d_step { RUNS(t) && bumped[t] -> bumped[t] = 0 }                // it looks: event_count()
#ifdef BUG_WAITS_BLINDLY
    :: d_step { RUNS(t) -> block(t, 1, 0) }
#else
    :: d_step { RUNS(t) && !bumped[t] -> block(t, 1, 0) }              // event_wait(), DEADLINE_NEVER
#endif
    :: d_step { RUNS(t) && !bumped[t] -> block(t, 1, 1) }              // event_wait()
    :: d_step { RUNS(t) -> block(t, 0, 1) }                            // thread_sleep_until()
    :: d_step { RUNS(t) -> wake_due(); ran(t); schedule() }            // thread_yield()
    :: d_step { RUNS(t) ->                                             // event_signal()
        wake_waiters();
        n = 0;
        for (i : 0 .. LAST) { if :: CAN_RUN(i) && PRIORITY(i) > PRIORITY(t) -> n = 1 :: else fi }
        if :: n -> schedule() :: else fi;
        n = 0 }
    :: d_step { RUNS(t) && sched == ALIVE && !inside[t] -> inside[t] = 1 } // calls a function in the scheduler's domain
    :: d_step { RUNS(t) && inside[t] -> inside[t] = 0 }                // which returns
    :: d_step { RUNS(t) && inside[t] -> dies(); schedule() }           // or ends
    :: d_step { RUNS(t) && !inside[t] ->                               // thread_end()
        state[t] = ENDED;
        bumped[t] = 0;
        if
        :: state[1] == ENDED && state[2] == ENDED && state[3] == ENDED -> mode = STOPPED
        :: else -> schedule()
        fi }
    :: mode == STOPPED || state[t] == ENDED -> break
    od
}

// A domain runs: its thread can, and ticks are taken. Nothing waits for what has happened. The CPU is idle only when
// nobody can run. Who is to heal the scheduler is not asleep for ever, and nobody waits inside its dead domain.
#define MISSED(t) (state[t] == WAITING && on_event[t] && bumped[t])
#define STUCK(t) (inside[t] && state[t] == WAITING)
#define RUNS_WELL (mode != DOMAIN || (CAN_RUN(current) && !busy))
#define NOTHING_MISSED (!MISSED(1) && !MISSED(2) && !MISSED(3))
#define WORK_CONSERVED (mode != IDLE || !(CAN_RUN(0) || CAN_RUN(1) || CAN_RUN(2) || CAN_RUN(3)))
#define HEALS (sched != DEAD || state[HEALER] != WAITING || has_deadline[HEALER])
#define NOBODY_STUCK (sched == ALIVE || !(STUCK(1) || STUCK(2) || STUCK(3)))
proctype invariants() {
end:
    d_step {
        !(RUNS_WELL && NOTHING_MISSED && WORK_CONSERVED && HEALS && NOBODY_STUCK) ->
        assert(RUNS_WELL);
        assert(NOTHING_MISSED);
        assert(WORK_CONSERVED);
        assert(HEALS);
        assert(NOBODY_STUCK)
    }
}

#ifdef LIVENESS
// While the fallback decides: who could run and has the highest priority does in the end; so does who waits for what
// has come.
#define STARVES(t) (CAN_RUN(t) && current != t && mode != STOPPED && \
                    (t != LAST || LAST_PRIORITY == 2 || !(CAN_RUN(1) || CAN_RUN(2))))
#define OVERSLEEPS(t) (state[t] == WAITING && mode != STOPPED && \
                       ((has_deadline[t] && due[t]) || (on_event[t] && ready)))
ltl served { []<>(!STARVES(1)) && []<>(!STARVES(LAST)) && []<>(!OVERSLEEPS(1)) && []<>(!OVERSLEEPS(LAST)) }
#endif

init {
    atomic {
        state[HEALER] = WAITING;
        order[2] = 1;
        order[LAST] = LAST - 1;
#ifdef FALLBACK_ALONE
        sched = DOWN;
#else
        run scheduler();
        run healer();
        run clock(HEALER);
#endif
        run thread(1); run thread(2); run thread(LAST);
        run clock(1); run clock(2); run clock(LAST);
        run timer(); run device(); run nucleus();
        run invariants()
    }
}
