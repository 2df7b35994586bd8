// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// ownership.pml - who owns an object of the exchange heap: two domains, the monitor, and deaths of domains at any step.
//
// Threads 0 and 1 live in domain A, thread 2 in domain B; each calls into the other domain. All of them try every operation on
// every object, also on those that they do not hold, so that a use after free or give, or a race of two threads with
// each other, is the rule here. An operation may refuse; when it succeeds, the assertions say that it was entitled to.
//
// A step of the model (d_step, or a single statement) is a step of the code that nothing comes in between:
//   one instruction of a domain on memory that its threads share (local_state, its lends) or on the owner table,
//   with what the thread does in its own memory (its magazine) around it;
//   one function of the monitor, which is never preempted; the phase of a give gate under the monitor's rights.
// The name in a comment behind an inline is the file, or the function, that it stands for.
//
// held, loan and ended are what programs believe: no step of the code reads them. BUG_* are seeded bugs, compiled in by -D;
// tests/groups/group_model.py has the scenarios, and expects each bug to be found.
// Not here: sizes, quotas, how free lists are linked (Frama-C proves that), generations that wrap, the strict mode's keys.

#define THREADS 3
#define A 0
#define B 1
#define NOBODY 2
#define ORPHAN 3
#define CHILD 4
// A scenario names what its threads do: THREAD_0, THREAD_1, THREAD_2 are sums of these, OBJECTS 1 or 2, DEATHS how many.
#define ALLOC 1
#define FREE 2
#define DRAIN 4
#define LEND 8
#define GIVE 16
#define GIVES 32
#define ATTACH 64
#define DETACH 128
#define HANDLE 256
#define DOES(what) (((t == 0 -> THREAD_0 : (t == 1 -> THREAD_1 : THREAD_2)) / what) % 2)
#define HOME(t) (t == 2)
#define OTHER(t) (t != 2)
#define BIT(o) (1 << (o))
#define HAS(set, o) (((set) >> (o)) & 1)

// The monitor's: owner table, free lists, heap_next[] of children, orphans.
byte owner[2] = NOBODY;    // OBJECTS of them are there: two when there are chains
byte root[2];              // owner_link's link: of a child, its root; of an orphan, the domain that died
byte chain[2];       // root + 1 in whose list of children it is (heap_next[])
byte freelist = BIT(OBJECTS) - 1;
byte orphan_threads[2];    // of a domain: who still uses orphans of it
// A domain's: local_state[] bit 0, magazines, domain_lends[].
byte used[2];
byte magazine[THREADS];
byte lent[THREADS];        // object + 1: what the thread's home has lent on this thread
// Where threads are.
byte in[THREADS];
bool killed[THREADS];      // the domain that it runs in has died
bool home_died[THREADS];   // the one below on its stack has
byte running = THREADS;
byte deaths = DEATHS;
// Handles: one per domain, in persistent data, so that it outlives the domain. same: place and generations are still
// those that it carries. They only grow, so what differs once differs for ever.
byte name[2];              // object + 1
bool same[2];
// Ghosts.
byte held[2];              // objects that the domain's program got and has not given up, children included
byte loan[THREADS];        // object + 1 for as long as somebody may use it on loan
bool ended[2];             // the object that the handle names was freed or given, or its domain has died

#define OWNER_OF(o) (owner[o] == CHILD -> owner[root[o]] : owner[o])
#define ROOT_OF(o) (owner[o] == CHILD -> root[o] : o)
#define OTHER_OBJECT(o) (1 - (o))
#define CHILDREN(o) (chain[OTHER_OBJECT(o)] == o + 1)
#define FAMILY(o) (BIT(o) | (CHILDREN(o) -> BIT(OTHER_OBJECT(o)) : 0))
#define LENT_BY(d, o) ((d == A && (lent[0] == o + 1 || lent[1] == o + 1)) || (d == B && lent[2] == o + 1))
#define LENDS(d) ((d == A && (lent[0] || lent[1])) || (d == B && lent[2]))
#define ON_LOAN_TO_ANY(o) ((loan[0] && HAS(FAMILY(o), loan[0] - 1)) || (loan[1] && HAS(FAMILY(o), loan[1] - 1)) || \
                           (loan[2] && HAS(FAMILY(o), loan[2] - 1)))
#ifdef HOSTILE
#define BELIEVES(d) (d == A)   // B's program keeps no promise: what it believes is nobody's concern
#else
#define BELIEVES(d) true
#endif

// ---- ghosts

inline handles_changed(o) { // a generation of o, or of its root, has changed
    if :: name[A] && HAS(FAMILY(o), name[A] - 1) -> same[A] = false :: else fi;
    if :: name[B] && HAS(FAMILY(o), name[B] - 1) -> same[B] = false :: else fi
}
inline gives_up(d, o) { // d's program has freed or given o
    assert(!BELIEVES(d) || (held[d] & FAMILY(o)) == FAMILY(o)); // not after free or give, not twice
    assert(!BELIEVES(d) || !ON_LOAN_TO_ANY(o));
    held[d] = held[d] & ~FAMILY(o);
    if :: name[d] && HAS(FAMILY(o), name[d] - 1) -> ended[d] = true :: else fi
}
inline gets(d, o) { // d's program has got o: it is d's, and nobody else's
    assert(!BELIEVES(d) || (OWNER_OF(o) == d && !((held[A] | held[B]) & FAMILY(o))));
    if :: BELIEVES(d) -> held[d] = held[d] | FAMILY(o) :: else fi
}

// ---- the monitor: inside one d_step each

inline take_one(o) { // monitor.c
    assert(owner[o] != NOBODY && !HAS(freelist, o)); // not freed twice
    assert(!HAS(held[A], o) && (!BELIEVES(B) || !HAS(held[B], o)));
    assert(loan[0] != o + 1 && loan[1] != o + 1 && (!BELIEVES(B) || loan[2] != o + 1));
    handles_changed(o);
    owner[o] = NOBODY;
    root[o] = 0;
    chain[o] = 0;
    freelist = freelist | BIT(o)
}
inline heap_take_back(o) { // monitor.c
    if
#ifndef BUG_TAKE_BACK_ALONE
    :: CHILDREN(o) -> take_one(OTHER_OBJECT(o))
#endif
    :: else
    fi;
    take_one(o)
}
inline xheap_refill(d, o) { // monitor.c, with freelist_pop
    freelist = freelist & ~BIT(o);
    handles_changed(o);
    owner[o] = d
}
inline xheap_drain(d, o) { // monitor.c
    if
#ifdef BUG_DRAIN_UNCHECKED
    :: owner[o] != NOBODY && owner[o] != CHILD -> heap_take_back(o)
#else
    :: owner[o] == d -> heap_take_back(o)
#endif
    :: else
    fi
}
inline xheap_join(d, r, c, result) { // monitor_chain.c
    result = owner[r] == d && owner[c] == d && r != c && !CHILDREN(c);
    if
    :: result -> owner[c] = CHILD; root[c] = r; chain[c] = r + 1 // handles stay: the sum of the generations goes on
    :: else
    fi
}
inline xheap_part(d, c, result) { // monitor_chain.c
    result = owner[c] == CHILD && owner[root[c]] == d;
    if
    :: result ->
        handles_changed(c);
        owner[c] = d;
        root[c] = 0;
#ifndef BUG_PART_KEEPS_LINK
        chain[c] = 0
#endif
    :: else
    fi
}
inline gate_moves(from, to, o, result) { // give.S: the phase in the monitor of GATE_GIVE, and of GATE_GIVES for one object
#ifdef BUG_GATE_UNCHECKED
    result = owner[o] != NOBODY && owner[o] != CHILD;
#else
    result = owner[o] == from;
#endif
    if
    :: result ->
        gives_up(from, o);
        owner[o] = to;
#ifndef BUG_GIVE_KEEPS_GENERATION
        handles_changed(o)
#endif
    :: else
    fi
}
inline orphan_lent(d, t) { // monitor_reclaim.c; lent[] is what the dead domain says
    if
    :: HOME(t) == d && lent[t] && in[t] != NOBODY -> // it was inside
        if
        :: owner[lent[t] - 1] == d -> owner[lent[t] - 1] = ORPHAN; root[lent[t] - 1] = d; handles_changed(lent[t] - 1)
        :: else
        fi;
        if
        :: owner[lent[t] - 1] == ORPHAN && root[lent[t] - 1] == d -> orphan_threads[d] = orphan_threads[d] | BIT(t)
        :: else
        fi
    :: else
    fi
}
inline free_orphans(d) { // monitor_reclaim.c: free_all()
    for (gone : 0 .. OBJECTS - 1) {
        if :: owner[gone] == ORPHAN && root[gone] == d -> heap_take_back(gone) :: else fi
    }
}
// A domain dies, is reclaimed and starts again with fresh memory: no gate leads there in between.
inline heap_reclaim(d) { // monitor_reclaim.c
    held[d] = 0;
    if :: name[d] -> ended[d] = true :: else fi;
    for (k : 0 .. THREADS - 1) {
        if
        :: in[k] == d ->
            killed[k] = true;
            if :: HOME(k) == d -> loan[k] = 0 :: else fi  // it never got to the borrower, or is back
        :: in[k] != d && HOME(k) == d -> home_died[k] = true
        :: else
        fi
    }
#ifndef BUG_RECLAIM_FREES_LENT
    for (k : 0 .. THREADS - 1) { orphan_lent(d, k) }
#endif
    for (k : 0 .. OBJECTS - 1) {
        if
#ifdef BUG_RECLAIM_SKIPS_CHILDLESS
        :: owner[k] == d && CHILDREN(k) -> heap_take_back(k)
#else
        :: owner[k] == d -> heap_take_back(k)
#endif
        :: else
        fi
    }
    used[d] = 0;
    for (k : 0 .. THREADS - 1) {
        if :: HOME(k) == d -> magazine[k] = 0; lent[k] = 0 :: else fi
    }
    k = 0
}
inline heap_orphans_drop(t) { // monitor_reclaim.c
    loan[t] = 0;
    if
    :: HAS(orphan_threads[A], t) ->
        orphan_threads[A] = orphan_threads[A] & ~BIT(t);
#ifdef BUG_ORPHAN_FIRST
        free_orphans(A)
#elif !defined(BUG_ORPHAN_NEVER)
        if :: !orphan_threads[A] -> free_orphans(A) :: else fi
#endif
    :: else
    fi;
    if
    :: HAS(orphan_threads[B], t) ->
        orphan_threads[B] = orphan_threads[B] & ~BIT(t);
        if :: !orphan_threads[B] -> free_orphans(B) :: else fi
    :: else
    fi;
    gone = 0
}

// ---- a domain's half: a line is a step

inline part_with(d, o) { // client.h
    ok = owner[o] == d;
    if
    :: ok ->
        d_step { ok = HAS(used[d], o); used[d] = used[d] & ~BIT(o) } // use_end()
        if
        :: ok ->
            ok = !LENT_BY(d, o);                                     // is_lent(): one record at a time, any order
            if :: !ok -> used[d] = used[d] | BIT(o) :: else fi       // use_begin()
        :: else
        fi
    :: else
    fi
}
inline to_magazine(t, d, o) {
    gives_up(d, o);
    assert(owner[o] == d && !CHILDREN(o)); // the invariant of client.c
    magazine[t] = magazine[t] | BIT(o)
}
inline client_alloc(t, d, o) { // client.c: xheap_alloc, alloc_refilled
    if
    :: HAS(magazine[t], o) -> skip
    :: else ->
        d_step {
            ok = HAS(freelist, o);
            if
            :: ok -> xheap_refill(d, o); assert(!HAS(used[d], o)); magazine[t] = magazine[t] | BIT(o)
            :: else
            fi
        }
        if :: ok :: else -> goto again fi
    fi;
    d_step {
        magazine[t] = magazine[t] & ~BIT(o);
        used[d] = used[d] | BIT(o);
        if :: name[d] == o + 1 -> same[d] = false :: else fi;  // its own count
        gets(d, o)
    }
}
inline client_free(t, d, o) { // client.c: xheap_free, free_carefully
#ifdef BUG_FREE_LOOKS_FIRST
    ok = owner[o] == d && !CHILDREN(o) && !LENDS(d);
    if :: ok -> d_step { ok = HAS(used[d], o); used[d] = used[d] & ~BIT(o); if :: ok -> to_magazine(t, d, o) :: else fi } :: else fi;
    if :: ok -> goto again :: else fi;
#else
#ifdef BUG_FREE_WITHOUT_MARK
    ok = HAS(used[d], o);
#else
    d_step { ok = HAS(used[d], o); used[d] = used[d] & ~BIT(o) } // use_end()
#endif
    if
    :: !ok -> goto again
    :: else ->
        d_step {
            ok = !LENDS(d) && owner[o] == d && !CHILDREN(o);
            if :: ok -> used[d] = used[d] & ~BIT(o); to_magazine(t, d, o) :: else fi
        }
        if :: ok -> goto again :: else -> used[d] = used[d] | BIT(o) fi
    fi;
#endif
    part_with(d, o);
    if
    :: ok ->
        d_step {
            ok = CHILDREN(o);
            if :: ok -> gives_up(d, o) :: else -> to_magazine(t, d, o) fi
        }
        if :: ok -> d_step { assert(owner[o] == d); xheap_drain(d, o) } :: else fi // drain_one()
    :: else
    fi
}
inline client_drain(t, d, o) { // client.c: free_drained
    if
    :: HAS(magazine[t], o) ->
#ifdef BUG_DRAIN_CLEARS
        used[d] = used[d] | BIT(o);
#endif
        d_step { magazine[t] = magazine[t] & ~BIT(o); assert(owner[o] == d); xheap_drain(d, o) }
    :: else
    fi
}
inline client_attach(d, r, c) { // client_chain.c
    part_with(d, r);
    if
    :: ok ->
        part_with(d, c);
        if
        :: ok ->
            d_step { assert(HAS(held[d], c)); xheap_join(d, r, c, ok) }
            if :: !ok -> used[d] = used[d] | BIT(c) :: else fi
        :: else
        fi;
        used[d] = used[d] | BIT(r)
    :: else
    fi
}
inline client_detach(d, r, c) { // client_chain.c
    ok = owner[c] == CHILD && root[c] == r && owner[r] == d;
    if
    :: ok ->
#ifdef BUG_DETACH_LOOKS_ONLY
        ok = !LENT_BY(d, r);
#else
        part_with(d, r);
#endif
        if
        :: ok ->
            d_step { xheap_part(d, c, ok) }
            if :: ok -> used[d] = used[d] | BIT(c) :: else fi;
#ifndef BUG_DETACH_LOOKS_ONLY
            used[d] = used[d] | BIT(r)
#endif
        :: else
        fi
    :: else
    fi
}
inline client_lend_begin(t, d, o) { // client_lend.c
    d_step { r = ROOT_OF(o); ok = OWNER_OF(o) == d } // view_of()
    if
    :: ok ->
        lent[t] = r + 1;
        d_step {
#ifndef BUG_LEND_DOES_NOT_LOOK
            ok = HAS(used[d], r);
#endif
            if :: ok && r == o -> loan[t] = o + 1; assert(HAS(held[d], o)) :: else fi
        }
        if
        :: ok && r != o ->
            d_step {
#ifndef BUG_LEND_LOOKS_ONCE
                ok = ROOT_OF(o) == r;
#endif
                if :: ok -> loan[t] = o + 1; assert(HAS(held[d], o)) :: else fi
            }
        :: else
        fi;
        if :: !ok -> lent[t] = 0 :: else fi
    :: else
    fi
}
inline client_give_begin(d, o) { // client_lend.c
#ifdef BUG_GIVE_LOOKS_ONLY
    ok = HAS(used[d], o);
    if :: ok -> ok = !LENT_BY(d, o) :: else fi
#else
#ifdef BUG_GIVE_OF_LENT
    d_step { ok = owner[o] == d && HAS(used[d], o); if :: ok -> used[d] = used[d] & ~BIT(o) :: else fi }
#else
    part_with(d, o)
#endif
#endif
}

// ---- calls

inline returns(t) { // a gate back to the caller's domain
    d_step { in[t] = HOME(t); killed[t] = false; ok = !home_died[t] }
    if :: !ok -> goto unwound :: else fi
}
inline call_lend(t, o) { // a stub's call with a pointer, and the borrower's side (xheap_check)
    client_lend_begin(t, HOME(t), o);
    if
    :: ok ->
        in[t] = OTHER(t);
        {
            ok = OWNER_OF(o) != NOBODY && OWNER_OF(o) != OTHER(t); // xheap_check()
            assert(ok);                                            // honest lender: it is still what was lent
            assert(OWNER_OF(o) == HOME(t) || OWNER_OF(o) == ORPHAN) // and when it is used
        } unless {
            killed[t] -> d_step { killed[t] = false; in[t] = HOME(t) }
        };
        returns(t);
        d_step { loan[t] = 0; lent[t] = 0 }                        // xheap_lend_end()
    :: else
    fi
}
inline call_give(t, o) { // GATE_GIVE
    client_give_begin(HOME(t), o);
    if
    :: ok ->
        d_step { gate_moves(HOME(t), OTHER(t), o, ok); assert(ok); in[t] = OTHER(t) }
        {
            d_step { used[OTHER(t)] = used[OTHER(t)] | BIT(o); gets(OTHER(t), o) } // xheap_give_arrived()
        } unless {
            killed[t] -> d_step { killed[t] = false; in[t] = HOME(t) }
        };
        returns(t)
    :: else
    fi
}
inline call_gives(t, o) { // GATE_GIVES: the callee passes o (client_pass.c)
    in[t] = OTHER(t);
    {
        part_with(OTHER(t), o);                                    // xheap_pass()
#ifdef BUG_EXPORT_PUTS_BACK
        if :: ok -> used[OTHER(t)] = used[OTHER(t)] | BIT(o) :: else fi;
#endif
        d_step {                                                   // the phase in the monitor, on the way back
            if
            :: ok && !home_died[t] -> gate_moves(OTHER(t), HOME(t), o, ok); assert(ok)
            :: ok && home_died[t] -> gives_up(OTHER(t), o); heap_take_back(o) // nobody is there to take it: docs/heap-proofs.md
            :: else
            fi;
            in[t] = HOME(t)
        }
    } unless {
        killed[t] && in[t] != HOME(t) -> d_step { killed[t] = false; ok = false; in[t] = HOME(t) }
    };
    if :: home_died[t] -> goto unwound :: else fi;
    if
    :: ok -> d_step { used[HOME(t)] = used[HOME(t)] | BIT(o); gets(HOME(t), o) } // xheap_pass_accept()
    :: else
    fi
}

// ---- handles

inline client_handle(d, o) { // client.c: xheap_handle
    d_step { ok = OWNER_OF(o) == d; r = ROOT_OF(o) }
    if :: ok -> ok = HAS(used[d], r) :: else fi;
    if :: ok -> d_step { name[d] = o + 1; same[d] = true; ended[d] = OWNER_OF(o) != d || HAS(magazine[0] | magazine[1], o) } :: else fi
}
inline client_resolve(d) { // client.c: xheap_resolve
    if
    :: name[d] ->
        d_step { o = name[d] - 1; ok = OWNER_OF(o) == d; r = ROOT_OF(o); was_ended = ended[d] }
        if :: ok -> ok = HAS(used[d], r) :: else fi;
        if :: ok -> d_step { ok = same[d] && name[d] == o + 1; assert(!ok || !was_ended) } :: else fi
    :: else
    fi;
    was_ended = false
}

proctype thread(byte t) {
    byte o, r, gone;
    bool ok, was_ended;
    in[t] = HOME(t);
again:
    skip;
    {
        do
        :: d_step { o = 0; r = 0; ok = false }
#if OBJECTS > 1
            if :: o = 0 :: o = 1 fi;
#endif
            if
#ifdef HOSTILE
            :: t == 2 -> d_step { xheap_drain(B, o) }
            :: t == 2 -> d_step { if :: HAS(freelist, o) -> xheap_refill(B, o) :: else fi }
            :: t == 2 -> d_step { if :: !lent[2] -> lent[2] = o + 1 :: else -> lent[2] = 0 fi } // a forged record
            :: t == 2 -> d_step { xheap_join(B, OTHER_OBJECT(o), o, ok) }
            :: t == 2 -> d_step { xheap_part(B, o, ok) }
            :: t == 2 -> // past its own stub
                d_step { gate_moves(B, A, o, ok); if :: ok -> used[A] = used[A] | BIT(o); gets(A, o) :: else fi }
#else
            // In one step: what threads of one domain do to each other is tried in A.
            :: t == 2 && DOES(ALLOC) -> d_step {
                if :: HAS(freelist, o) -> xheap_refill(B, o); used[B] = used[B] | BIT(o); gets(B, o) :: else fi
            }
            :: t == 2 && DOES(FREE) -> d_step {
                if
                :: owner[o] == B && HAS(used[B], o) -> used[B] = used[B] & ~BIT(o); gives_up(B, o); xheap_drain(B, o)
                :: else
                fi
            }
            :: t == 2 && DOES(GIVE) -> call_give(t, o)
            :: t == 2 && DOES(GIVES) -> call_gives(t, o)
#endif
            :: t < 2 && DOES(ALLOC) -> client_alloc(t, A, o)
            :: t < 2 && DOES(FREE) -> client_free(t, A, o)
            :: t < 2 && DOES(DRAIN) -> client_drain(t, A, o)
            :: t < 2 && DOES(LEND) -> call_lend(t, o)
            :: t < 2 && DOES(GIVE) -> call_give(t, o)
#if OBJECTS > 1
            :: t < 2 && DOES(ATTACH) -> client_attach(A, OTHER_OBJECT(o), o)
            :: t < 2 && DOES(DETACH) -> client_detach(A, OTHER_OBJECT(o), o)
#endif
            :: t < 2 && DOES(HANDLE) -> client_handle(A, o)
            :: t < 2 && DOES(HANDLE) -> client_resolve(A)
            :: else -> break // it has nothing to do here
            fi
        :: break
        od;
        goto finish
    } unless {
        killed[t] && in[t] == HOME(t)
    };
unwound: // out of every domain that it had entered
    skip;
    d_step { heap_orphans_drop(t); killed[t] = false; home_died[t] = false; in[t] = HOME(t) }
    goto again;
finish:
    skip;
    d_step { heap_orphans_drop(t); o = 0; r = 0; ok = false; in[t] = NOBODY; running-- } // it could have died at the last step
}

proctype death() {
    byte k;
    do
    :: deaths ->
        if
        :: d_step { deaths--; heap_reclaim(A) }
        :: d_step { deaths--; heap_reclaim(B) }
        fi
    :: break
    od;
    running == 0;
    // Nothing is lost: whatever a living domain owns its program holds, or a magazine of it; and it all comes back in the end.
    d_step {
        for (k : 0 .. OBJECTS - 1) {
            assert(owner[k] != ORPHAN);
            assert((owner[k] == NOBODY) == HAS(freelist, k));
            assert(OWNER_OF(k) != A || HAS(held[A] | magazine[0] | magazine[1], k));
            assert(!BELIEVES(B) || OWNER_OF(k) != B || HAS(held[B] | magazine[2], k))
        }
        lent[0] = 0; lent[1] = 0; lent[2] = 0;
        heap_reclaim(A);
        heap_reclaim(B);
        assert(freelist == BIT(OBJECTS) - 1)
    }
}

init {
    atomic { run thread(0); run thread(1); run thread(2); run death() }
}
