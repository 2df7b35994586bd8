// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// unwinding.pml - a domain ends: what its threads, its callers and its callees see, through gates and restarts.
//
// Threads come from the monitor M into X and call on as EDGES lets them; X, B and Y end at any step (DEATHS in all),
// and start again. One CPU, preempted before every step. A step of a thread is what a gate does between two places
// where being preempted makes a difference (pc, below), or what the nucleus and the monitor do for it without being
// preempted. A step of the monitor is one of:
//   domain_end   the calls into the domain are ended, its anchors reset (on sentinels), and it takes no more calls
//   put_back     its objects are freed; tokens are drawn anew where nobody may hold the old one
//   start_again  who is inside its gates leaves; it takes calls
//   returned     a thread came back into an activation that has ended: the check in the gate failed
// The names of the monitor's functions are those of core/monitor/chain_recover.c, healing_recover.c, fault_recover.c.
//
// The chain (chain_*) is what really happened; no step of the monitor reads it. BUG_* are seeded bugs, compiled in by
// -D, and CAN_* are things that must be able to happen; tests/groups/group_model.py has the scenarios. Not here:
// arguments, loans (ownership.pml), devices, what init does, upcalls that have the monitor call somebody, a domain that
// jumps into gates or writes to its stacks and slots.

#define M 0
#define X 1
#define B 2
#define Y 3
#define DOMAINS 4
#define FRAMES 3      // a thread's suspended calls per domain, and ended calls: bounds of the search, not of the code
#define ENDED_CALLS 5
#define LONGEST 7     // activations in a chain

// Edges: caller and callee. A scenario names those that there are: EDGES is a sum of powers of two.
#define M_X 0
#define X_B 1
#define B_Y 2
#define X_Y 3
#define B_M 4         // waits in the monitor
#define B_X 5         // callbacks
#define Y_B 6
#define X_GIVES 7     // GATE_GIVE: the object goes to B with the call
#define X_TAKES 8     // GATE_GIVES: it comes from B with the return
#define M_B 9         // B has the scheduler, asked while the thread waits in the monitor, perhaps on behalf of B
#define Y_X 10
#define EDGE_COUNT 11
#define NO_EDGE 15
#define CALLER(e) ((e == M_X || e == M_B) -> M : \
                   ((e == B_Y || e == B_M || e == B_X) -> B : ((e == Y_B || e == Y_X) -> Y : X)))
#define CALLEE(e) ((e == M_X || e == B_X || e == Y_X) -> X : ((e == B_Y || e == X_Y) -> Y : ((e == B_M) -> M : B)))
#define EXISTS(e) (((EDGES) >> (e)) & 1)
// A token of an edge: tokens are random, so another epoch's never matches, nor another edge's, nor a sentinel.
#define TOKEN(e) ((e) + 16 * epoch[e])
#define EDGE_OF(token) ((token) % 16)

// Where a thread can be preempted. rights is its PKRU.
#define RUNS 0        // the body of rights; in M: waits
#define LOADED 1      // caller's rights: the token is in r11, no frame yet
#define CALLING 2     // caller's rights: the frame is published
#define ARRIVED 3     // callee's rights: behind w1, not yet on the callee's stack
#define NO_ROOM 4     // callee's rights: below its limit, about to load the error
#define RETURNING 5   // callee's rights: behind the callee's ret
#define BACK 6        // caller's rights: behind w2, before the cookie is compared
#define UNWOUND 7     // caller's rights: at unw, through the check or put there by the monitor
#define ENDED 8
#define IN_GATE (T.pc >= LOADED && T.pc <= UNWOUND)

// Results (r8).
#define REAL 0
#define DOMAINDEAD 1
#define NOSTACK 2

typedef stack {                 // one domain's, of one thread
    byte depth;                 // frames: the anchor
    byte cookie[FRAMES];
    byte inbound[4];            // FRAMES + 1: to where the activation below each frame returns
    byte chained[FRAMES];       // ghost: whose frame it is
};
typedef running {
    stack at[DOMAINS];
    byte pc, edge, rights, r11, r8;
    byte frame;                 // at unw: the frame that RSP points into, as its number from 1
    byte calls;                 // how many it may still make
    byte count;                 // struct ended: calls whose callee has died, outermost first
    byte ended_edge[ENDED_CALLS], ended_frame[ENDED_CALLS], ended_called[ENDED_CALLS];
    bit ended_adjacent[ENDED_CALLS];
    byte length;                // ghost: the chain of activations
    byte chain_domain[LONGEST];
    bit chain_dead[LONGEST], chain_finished[LONGEST];
};
running thread[THREADS];
byte epoch[EDGE_COUNT];
byte deaths = DEATHS;
bit frozen[DOMAINS];
bit to_reclaim[DOMAINS];
byte over;
#ifdef OBJECT
byte owner = X;                 // of the one object: a domain, M for nobody
bit given[THREADS];             // the thread's list on key 15 names it
bit is_of_edge[THREADS];        // and is that of the edge X_TAKES
bit accepts[THREADS];           // the stub of X is about to read that list
bit holds[DOMAINS];             // ghost: this generation's program knows that it has it
bit lost;                       // ghost: it was given to B while that did not run
#endif
hidden byte t0, e0, i0, cur, steps, i1, dying, leave;
hidden byte used[DOMAINS];
hidden byte step_domain[8], step_edge[8], step_frame[8], step_dead[8], step_called[8]; // LONGEST + 1

#define T thread[t]
#define S(d) thread[t].at[d]

// ---- ghosts

inline chain_push(d) {
    assert(T.length < LONGEST);
    T.chain_domain[T.length] = d;
    T.chain_dead[T.length] = 0;
    T.chain_finished[T.length] = 0;
    T.length++
}
#define TOP (T.length - 1)
#define RUNS_IN(d) (T.chain_domain[TOP] == d && !T.chain_dead[TOP] && !T.chain_finished[TOP])

// The caller goes on: at the frame that was suspended last, once, with the result that it has earned.
inline chain_resume(t) {
    i0 = S(T.rights).chained[S(T.rights).depth]; // the frame just popped
    assert(T.chain_domain[i0] == T.rights && !T.chain_dead[i0]);
    assert(T.r8 != NOSTACK);
    if
    :: T.r8 == REAL -> assert(T.length == i0 + 2 && T.chain_finished[i0 + 1])
    :: else
    fi;
    do
    :: T.length > i0 + 1 -> // nothing that lives is skipped
        T.length--;
        assert(T.chain_dead[T.length] || T.chain_finished[T.length]);
        T.chain_domain[T.length] = 0;
        T.chain_dead[T.length] = 0;
        T.chain_finished[T.length] = 0
    :: else -> break
    od;
    i0 = 0
}

// ---- chain_recover.c: inside one d_step each

inline step_add(edge_in, frame_in, dead_in, called_in) {
    step_domain[steps] = CALLEE(edge_in);
    step_edge[steps] = edge_in;
    step_frame[steps] = frame_in;
    step_dead[steps] = dead_in;
    step_called[steps] = called_in;
    steps++
}
// From M's oldest frame inwards, through the frames that callers published.
inline chain_read(t) {
    used[M] = 0; used[X] = 0; used[B] = 0; used[Y] = 0;
    steps = 0;
    cur = M;
    do
    :: used[cur] < S(cur).depth ->
        used[cur]++;
        i0 = 0;
        do // ended_at()
        :: i0 < T.count && !(CALLER(T.ended_edge[i0]) == cur && T.ended_frame[i0] == used[cur]) -> i0++
        :: else -> break
        od;
        if
        :: i0 < T.count ->
            do
            :: true ->
                step_add(T.ended_edge[i0], T.ended_frame[i0], 1, T.ended_called[i0]);
                if
#ifdef BUG_ONE_DEATH
                :: true -> break
#else
                :: T.ended_called[i0] == NO_EDGE || i0 + 1 == T.count || !T.ended_adjacent[i0 + 1] -> break
#endif
                :: else -> i0++
                fi
            od;
            if
            :: T.ended_called[i0] == NO_EDGE -> break
            :: else -> step_add(T.ended_called[i0], 0, 0, NO_EDGE); cur = CALLEE(T.ended_called[i0])
            fi
        :: else ->
            e0 = EDGE_OF(S(cur).cookie[used[cur] - 1]);
            assert(S(cur).cookie[used[cur] - 1] == TOKEN(e0));                      // else the chain is broken
            step_add(e0, used[cur], 0, NO_EDGE);
            cur = CALLEE(e0)
        fi
    :: else -> break
    od;
    assert(used[X] == S(X).depth && used[B] == S(B).depth && used[Y] == S(Y).depth) // all frames are used up
}
#ifdef BUG_GATES_GO_ON
#define IS_STOPPED (T.rights != M && T.pc == RUNS)
#else
#define IS_STOPPED (T.rights != M)
#endif
inline chain_end(t, d) {
    chain_read(t);
    dying = 0;
    for (i0 : 1 .. steps) { dying = dying || step_domain[i0 - 1] == d }
    if // cut_behind(): inside a gate, what it had just begun to call, or is just coming back from, is no step
    :: IS_STOPPED ->
        do
        :: steps && step_domain[steps - 1] != T.rights ->
            assert(CALLER(step_edge[steps - 1]) == T.rights);
            steps--
        :: else -> break
        od
    :: else
    fi;
    if
    :: dying ->
        T.count = 0;
        for (i0 : 1 .. ENDED_CALLS) {
            T.ended_edge[i0 - 1] = 0;
            T.ended_frame[i0 - 1] = 0;
            T.ended_called[i0 - 1] = 0;
            T.ended_adjacent[i0 - 1] = 0
        }
        i0 = 0;
        do
        :: i0 < steps ->
            if
            :: step_dead[i0] || step_domain[i0] == d ->
                assert(T.count < ENDED_CALLS);
                T.ended_edge[T.count] = step_edge[i0];
                T.ended_adjacent[T.count] = i0 && step_dead[i0 - 1];
#ifdef BUG_FRAME_OF_DEAD
                T.ended_frame[T.count] = step_frame[i0];
#else
                // the stack of a dead caller is reset: another frame can come to lie there
                T.ended_frame[T.count] = (T.ended_adjacent[T.count] -> 0 : step_frame[i0]);
#endif
#ifdef BUG_CUT_FORGETS
                T.ended_called[T.count] = (i0 + 1 == steps -> NO_EDGE : step_edge[i0 + 1]);
#else
                T.ended_called[T.count] = (step_dead[i0] -> step_called[i0] :
                                           (i0 + 1 == steps -> NO_EDGE : step_edge[i0 + 1]));
#endif
                step_dead[i0] = 1;
                T.count++
            :: else
            fi;
            i0++
        :: else -> break
        od
    :: else
    fi;
    i0 = 0
}
#define IS_ENDED (T.count && T.ended_called[T.count - 1] == NO_EDGE)
// nucleus_thread_unwind(): the innermost ended call, with all that directly called it and is dead as well.
inline chain_take(t) {
    do
    :: true ->
        T.count--;
        i0 = T.ended_adjacent[T.count] && T.count;
        T.edge = T.ended_edge[T.count];
        T.frame = T.ended_frame[T.count];
        T.ended_edge[T.count] = 0;
        T.ended_frame[T.count] = 0;
        T.ended_called[T.count] = 0;
        T.ended_adjacent[T.count] = 0;
#ifdef BUG_CALLER_ALIVE
        break;
#endif
        if
        :: i0 -> skip
        :: else -> break
        fi
#ifdef CAN_PASS_TWO_DEAD
        ;
        assert(false)
#endif
    od;
    T.rights = CALLER(T.edge);
    assert(T.frame && T.frame <= S(T.rights).depth);
    T.pc = UNWOUND;
    T.r8 = DOMAINDEAD;
    T.r11 = 0;
    i0 = 0
}

// ---- healing_recover.c, fault_recover.c

inline domain_end(d) {
    for (t0 : 1 .. THREADS) {
        for (i1 : 1 .. LONGEST) {                                                   // ghost
            if
            :: thread[t0 - 1].length >= i1 && thread[t0 - 1].chain_domain[i1 - 1] == d ->
                thread[t0 - 1].chain_dead[i1 - 1] = 1
            :: else
            fi
        }
        thread_leaves((t0 - 1), d)
    }
    to_reclaim[d] = 1;
    frozen[d] = 1
#ifdef OBJECT
    ;
    holds[d] = 0
#endif
}
inline thread_leaves(t, d) {
    chain_end(t, d);
#ifndef BUG_ANCHOR_STAYS
    // nucleus_domain_freeze(). What lies in the stack stays, but nobody asks for it.
    for (i0 : 0 .. FRAMES) { S(d).inbound[i0] = 0 }
    for (i0 : 1 .. FRAMES) {
        S(d).cookie[i0 - 1] = 0;
        S(d).chained[i0 - 1] = 0
    }
    S(d).depth = 0
#endif
}

#ifdef OBJECT
inline heap_reclaim(d) {
#ifdef BUG_RECLAIM_FORGETS_ALL
    for (t0 : 1 .. THREADS) { is_of_edge[t0 - 1] = 0 }
#elif !defined(BUG_RECLAIM_LEAVES_LISTS)
    for (t0 : 1 .. THREADS) { if :: d == X -> is_of_edge[t0 - 1] = 0 :: else fi } // lists that X was to get
#endif
    if :: owner == d -> owner = M; lost = 0 :: else fi
}
inline heap_given_back(t) { // the gate has moved what a dead domain was to get
    if
#ifndef BUG_NOT_GIVEN_BACK
    :: T.edge == X_TAKES && is_of_edge[t] && given[t] && owner == X -> assert(!holds[X]); owner = M
#endif
    :: else
    fi;
    given[t] = 0
}
#else
#define heap_reclaim(d) skip
#define heap_given_back(t) skip
#endif

// May anybody still come to a check with the token of e, or is it in a frame that is looked at?
inline is_kept(e) {
    leave = 0;
    for (t0 : 1 .. THREADS) {
        if
#ifndef BUG_REDRAWS_IN_GATE
        :: thread[t0 - 1].pc >= LOADED && thread[t0 - 1].pc <= UNWOUND && thread[t0 - 1].edge == e -> leave = 1
#endif
        :: else
        fi;
#ifndef BUG_REDRAWS_ENDED
        for (i0 : 1 .. ENDED_CALLS) {
            if :: i0 <= thread[t0 - 1].count && thread[t0 - 1].ended_edge[i0 - 1] == e -> leave = 1 :: else fi
        }
#endif
    }
}
inline put_back(d) {
    heap_reclaim(d);
    for (i1 : 0 .. EDGE_COUNT - 1) {
        if
        :: EXISTS(i1) && (CALLER(i1) == d || CALLEE(i1) == d) ->
            is_kept(i1);
            if :: !leave -> epoch[i1]++ :: else fi
        :: else
        fi
    }
    to_reclaim[d] = 0
}

inline start_again(d) {
#ifndef BUG_GATES_NOT_LEFT
    for (t0 : 1 .. THREADS) { gates_leave((t0 - 1), d) }
#endif
    frozen[d] = 0
}
inline gates_leave(t, d) { // refused while d was frozen, and not out yet
    if :: IN_GATE && CALLEE(T.edge) == d -> chain_end(t, d) :: else fi
}

// The check behind w2 failed. Where chain_returned() says no, all calls of the thread are ended, innocent or not.
inline returned(t) {
    assert(T.count && T.ended_called[T.count - 1] != NO_EDGE);
    chain_read(t);
    assert(steps >= 2 && step_dead[steps - 2]);
    assert(step_frame[steps - 2] == T.ended_frame[T.count - 1] && step_edge[steps - 2] == T.ended_edge[T.count - 1]);
    heap_given_back(t);
    T.ended_called[T.count - 1] = NO_EDGE;
    chain_take(t)
}

// ---- a thread

#ifdef OBJECT
#define IS_BUSY accepts[t]
#else
#define IS_BUSY false
#endif
#define BODY (T.pc == RUNS && !IS_ENDED && !IS_BUSY)
#define MAY_CALL(e) (EXISTS(e) && BODY && T.rights == CALLER(e) && T.calls && \
                     S(T.rights).depth < FRAMES && T.length < LONGEST && \
                     (e != M_X || T.length == 1) && (e != M_B || T.length > 1))
inline call(e) {
    assert(RUNS_IN(T.rights));
    T.calls--;
    T.edge = e;
    T.r11 = TOKEN(e);
    T.pc = LOADED
}
inline goes_on(t) { // S(rights).depth is what the popped frame says
    chain_resume(t);
    for (i0 : 1 .. FRAMES) {
        if :: i0 > S(T.rights).depth -> S(T.rights).cookie[i0 - 1] = 0; S(T.rights).chained[i0 - 1] = 0 :: else fi
    }
    T.pc = RUNS;
#ifdef OBJECT
#ifdef BUG_LIST_AFTER_DEATH
    accepts[t] = T.edge == X_TAKES;
#else
    accepts[t] = T.edge == X_TAKES && T.r8 == REAL;
#endif
#endif
    T.edge = 0;
    T.frame = 0;
    T.r8 = 0;
    T.r11 = 0
}

proctype runs(byte t) {
    do
    :: d_step { MAY_CALL(M_X) -> call(M_X) }
    :: d_step { MAY_CALL(X_B) -> call(X_B) }
    :: d_step { MAY_CALL(B_Y) -> call(B_Y) }
    :: d_step { MAY_CALL(X_Y) -> call(X_Y) }
    :: d_step { MAY_CALL(B_M) -> call(B_M) }
    :: d_step { MAY_CALL(B_X) -> call(B_X) }
    :: d_step { MAY_CALL(Y_B) -> call(Y_B) }
    :: d_step { MAY_CALL(Y_X) -> call(Y_X) }
    :: d_step { MAY_CALL(M_B) -> call(M_B) }
#ifdef OBJECT
    :: d_step { MAY_CALL(X_GIVES) && holds[X] -> holds[X] = 0; call(X_GIVES) }    // xheap_give_begin()
    :: d_step { MAY_CALL(X_TAKES) -> call(X_TAKES) }
    :: d_step { T.pc == RUNS && !IS_ENDED && accepts[t] ->                        // xheap_pass_accept()
        accepts[t] = 0;
        if :: given[t] -> assert(owner == X && !holds[X]); holds[X] = 1 :: else fi }
    :: d_step { BODY && T.rights == X && owner == M -> assert(!holds[X]); owner = X; holds[X] = 1; lost = 0 }
#endif
    :: d_step { T.pc == LOADED && !IS_ENDED ->
        S(T.rights).cookie[S(T.rights).depth] = T.r11;
        S(T.rights).chained[S(T.rights).depth] = TOP;
        S(T.rights).depth++;
        T.pc = CALLING }
    :: d_step { T.pc == CALLING && !IS_ENDED ->
        T.rights = CALLEE(T.edge);
        T.pc = ARRIVED;
#ifdef OBJECT
        if // the phase in the monitor
        :: T.edge == X_GIVES -> assert(owner == X); owner = B; lost = frozen[B]
        :: else
        fi
#endif
    }
    :: d_step { T.pc == ARRIVED && !IS_ENDED ->
        assert(T.r11 == TOKEN(T.edge)); // else an innocent caller would be stopped
        T.r11 = 0;
        if
        :: frozen[T.rights] -> T.pc = NO_ROOM
        :: else ->
            S(T.rights).inbound[S(T.rights).depth] = T.edge;
            chain_push(T.rights);
#ifdef CAN_CALL_WHILE_DRAINING
            assert(!(T.count && CALLEE(T.ended_edge[0]) == T.rights));
#endif
#ifdef OBJECT
            if :: T.edge == X_GIVES && !lost -> assert(owner == B && !holds[B]); holds[B] = 1 :: else fi;
#endif
            T.edge = 0;
            T.pc = RUNS
        fi }
    :: d_step { T.pc == NO_ROOM && !IS_ENDED -> T.r8 = (frozen[T.rights] -> DOMAINDEAD : NOSTACK); T.pc = RETURNING }
    :: d_step { BODY && T.length > 1 ->
        assert(RUNS_IN(T.rights));
        T.chain_finished[TOP] = 1;
        T.edge = S(T.rights).inbound[S(T.rights).depth];
        S(T.rights).inbound[S(T.rights).depth] = 0;
        T.r8 = REAL;
        T.pc = RETURNING }
    :: d_step { T.pc == RETURNING && !IS_ENDED ->
#ifdef OBJECT
        if // the phase in the monitor
        :: T.edge == X_TAKES ->
            is_of_edge[t] = 1;
            given[t] = T.r8 == REAL && holds[B];
            if :: given[t] -> assert(owner == B); holds[B] = 0; owner = X :: else fi
        :: else
        fi;
#endif
        T.r11 = TOKEN(T.edge);
        T.rights = CALLER(T.edge);
        T.pc = BACK }
    :: d_step { T.pc == BACK && !IS_ENDED ->
        if
        :: S(T.rights).depth && S(T.rights).cookie[S(T.rights).depth - 1] == T.r11 ->
            T.frame = S(T.rights).depth;
            T.pc = UNWOUND
        :: else -> returned(t)
        fi }
    :: d_step { T.pc == UNWOUND && !IS_ENDED -> S(T.rights).depth = T.frame - 1; goes_on(t) }
    :: d_step { IS_ENDED -> chain_take(t) }                                       // recovery_go_on(), fault_handle()
    :: d_step { BODY && T.length == 1 -> T.pc = ENDED; T.calls = 0; over++ } -> break
    od
}

#define ENDS(d) (deaths && !frozen[d] && over < THREADS)
proctype monitor() {
    do
    :: d_step { ENDS(X) -> deaths--; domain_end(X) }
    :: d_step { ENDS(B) -> deaths--; domain_end(B) }
    :: d_step { ENDS(Y) -> deaths--; domain_end(Y) }
    :: d_step { to_reclaim[X] -> put_back(X) }
    :: d_step { to_reclaim[B] -> put_back(B) }
    :: d_step { to_reclaim[Y] -> put_back(Y) }
    :: d_step { frozen[X] && !to_reclaim[X] -> start_again(X) }
    :: d_step { frozen[B] && !to_reclaim[B] -> start_again(B) }
    :: d_step { frozen[Y] && !to_reclaim[Y] -> start_again(Y) }
    :: over == THREADS && !frozen[X] && !frozen[B] && !frozen[Y] -> break
    od;
    skip;
    d_step {
        t0 = 0;
        for (t0 : 1 .. THREADS) { // no frame is lost
            for (i0 : M .. Y) { assert(!thread[t0 - 1].at[i0].depth) }
            assert(!thread[t0 - 1].count && thread[t0 - 1].length == 1)
        }
        t0 = 0
#ifdef OBJECT
        ;
        assert(owner == M || holds[owner] || (lost && owner == B)) // nor the object
#endif
    }
}

init {
    atomic {
        byte t;
        for (t : 0 .. THREADS - 1) {
            T.rights = M;
            T.calls = CALLS;
            chain_push(M)
        }
        t = 0;
#ifdef OBJECT
        holds[X] = 1;
#endif
        for (t : 0 .. THREADS - 1) { run runs(t) }
        run monitor()
    }
}
