// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// give.S - full gates on whose way the owner of a shared-heap object changes, under the monitor's rights.
//
// GATE_GIVE:  the first argument is an object; it is B's before B runs. A -> M -> B, and back like the full gate.
// GATE_GIVES: B returns (rax result, rdx how many objects it gives); they are A's before A goes on. A -> B -> M -> A.
// Their addresses lie in B's own memory, gives_<B>, a list per thread. There the phase in M may read, by a key of B that is
// write-disabled instead of denied: a list in the heap could be another domain's by the time that M reads it (that was
// done as well: a third domain had B's own objects given away).
// Why in the gate: the owner table lies on key 15, readable by all, so that a third domain never checks a stale owner;
// only PKRU_M can write it. The phase in M uses no stack and no memory but the table, the list and M's slots.
// Three tokens an edge, one per pair of domains (domain.h: TOKEN_*). With one for all, A could jump over the phase in M
// and hand B any pointer, or run B's giving itself; B could keep what it says that it gave (all three were done).
// Against, beside what full.S names: giving what one does not own, giving twice, giving an interior pointer.

#define TOKEN_EDGE 0           // domain.h has the same as enums
#define TOKEN_MONITOR 1
#define MONITOR_TOKEN_CALLER 0
#define MONITOR_TOKEN_CALLEE 1
#define MONITOR_TOKEN_EDGE 2

// FROM: before a phase in M.  LIVE: r11 = token, ecx = edx = 0.  Leaves ZF = token matches, rax = 0.
.macro ENTER_MONITOR site mtok mpkru=GATE_PKRU_MONITOR
    mov  $\mpkru, %eax
\site:
    wrpkru
    cmp  $\mpkru, %eax
    jne  gate_die
    mov  $0, %eax
    cmp  SLOT(monitor, TOKENS+8*\mtok), %r11
    jne  gate_die
.endm

// Address -> granule index. The rotation turns the low eight bits, which must be zero, into the top ones, so that one
// comparison refuses foreign addresses and interior pointers alike. base = ARENA_BASE.
.macro GRANULE_OF object base
    sub  \base, \object
    ror  $8, \object
.endm

// Whatever computed the index. rcx = 0 masks it on a mispredicted path.
.macro GRANULE_CHECK object refuse
    cmp  $(ARENA_BYTES / 256), \object
    jae  \refuse
    cmovae %rcx, \object
.endm

.macro GATE_GIVE label caller callee entry id arity results ctok ktok mtok cpkru kpkru cid kid
    .balign 64
    .globl \label
// FROM: A, malice.  LIVE: arguments, rdi = object.  PKRU: A.
\label:
    FRAME_SAVE
    mov  SLOT(\caller, TOKENS+8*\ctok), %r11
    FRAME_PUBLISH \caller                     // the cookie is A's and B's, for the way back
    mov  SLOT(\caller, TOKENS+8*(\ctok+TOKEN_MONITOR)), %r11
    COUNT \caller \ctok
    mov  %rdi, %r14
    movabs $ARENA_BASE, %r15
    GRANULE_OF %r14 %r15
// FROM: above, malice at the WRPKRU.  PKRU: M from here to w1.  LIVE: r14 = granule, believed only after the check.
// No masks on this phase: it reads nothing that is secret, and the next WRPKRU does not execute speculatively.
    ENTER_MONITOR \label\()_wm, (\mtok+MONITOR_TOKEN_CALLER)
    GRANULE_CHECK %r14 \label\()_refuse
    lea  owner_table(%rip), %r15
    cmpb $\cid, OWNER_DOMAIN(%r15,%r14,8)
    jne  \label\()_refuse
    incl OWNER_GENERATION(%r15,%r14,8)        // A's handles are dead from here
    movb $\kid, OWNER_DOMAIN(%r15,%r14,8)     // the true point at which ownership moves
    movabs $ARENA_BASE, %rdi
    shl  $8, %r14
    add  %r14, %rdi                           // the address of what moved, whatever rdi said
    mov  SLOT(monitor, TOKENS+8*(\mtok+MONITOR_TOKEN_CALLEE)), %r11   // A does not know this one
    ENTER_CALLEE \label, \callee, \entry, \id, \arity, (\ktok+TOKEN_MONITOR), \kpkru
// FROM: B's return, malice.  LIVE: rax = result.  PKRU: B.
\label\()_ret:
    mov  SLOT(\callee, TOKENS+8*\ktok), %r11
// FROM: above; refuse under M; malice, who then needs the token in r11.
\label\()_back:
    mov  %rax, %r8
    xor  %ecx, %ecx
    xor  %edx, %edx
    RETURN_TO_CALLER \label \caller \cpkru
\label\()_nostk:
    mov  SLOT(\callee, ERR), %rax
    jmp  \label\()_ret
// FROM: the phase in M.  PKRU: M.  Nothing moved; A gets -EPERM.
\label\()_refuse:
    mov  SLOT(monitor, TOKENS+8*(\mtok+MONITOR_TOKEN_EDGE)), %r11
    mov  $-ERROR_PERM, %rax
    jmp  \label\()_back
\label\()_end:
.endm

.macro GATE_GIVES label caller callee entry id arity results ctok ktok mtok cpkru kpkru cid kid mpkru
    .balign 64
    .globl \label
// FROM: A, malice.  LIVE: arguments.  PKRU: A.
\label:
    FRAME_SAVE
    mov  SLOT(\caller, TOKENS+8*(\ctok+TOKEN_MONITOR)), %r11
    FRAME_PUBLISH \caller                     // the cookie is A's and M's: B cannot come back past the phase in M
    mov  SLOT(\caller, TOKENS+8*\ctok), %r11
    COUNT \caller \ctok
    ENTER_CALLEE \label \callee \entry \id \arity \ktok \kpkru
// FROM: B's return, malice.  LIVE: rax = result, rdx = count.  PKRU: B.
\label\()_ret:
    mov  SLOT(\callee, TOKENS+8*(\ktok+TOKEN_MONITOR)), %r11
    mov  %rax, %r8
    mov  %rdx, %r9
    xor  %ecx, %ecx
    xor  %edx, %edx
// FROM: above, malice at the WRPKRU.  PKRU: M, and B's key to read, from here to w2.  RSP is B's or the enemy's and not used.
    ENTER_MONITOR \label\()_wm, (\mtok+MONITOR_TOKEN_CALLEE), \mpkru
    cmovne %rax, %r8
    cmovne %rax, %r9
    mov  SLOT(monitor, GIVEN), %r10           // the running thread's list on key 15
    movl $0, (%r10)
    movl $\id, 4(%r10)                        // whose list it is, should A have died
    cmp  $64, %r9
    ja   \label\()_moved
    mov  %r9, %r12
    mov  %r9d, (%r10)
    movabs $GIVEN_BASE, %rbx
    lea  gives_\callee(%rip), %r9             // B's list of this thread: as far into gives_<B> as r10 is into GIVEN_BASE
    add  %r10, %r9
    sub  %rbx, %r9
    movabs $ARENA_BASE, %r15
    lea  owner_table(%rip), %r14
    xor  %r13d, %r13d
    test %r12, %r12
    jz   \label\()_moved
\label\()_each:
    mov  8(%r9,%r13,8), %rbx                  // read once: another thread of B can write it
    mov  %rbx, %rbp
    GRANULE_OF %rbp %r15
    GRANULE_CHECK %rbp \label\()_skip
    cmpb $\kid, OWNER_DOMAIN(%r14,%rbp,8)
    jne  \label\()_skip
    incl OWNER_GENERATION(%r14,%rbp,8)
    movb $\cid, OWNER_DOMAIN(%r14,%rbp,8)     // the true point at which ownership moves
\label\()_put:
    mov  %rbx, 8(%r10,%r13,8)
    inc  %r13
    cmp  %r12, %r13
    jb   \label\()_each
\label\()_moved:
    mov  SLOT(monitor, TOKENS+8*(\mtok+MONITOR_TOKEN_CALLER)), %r11
    RETURN_TO_CALLER \label \caller \cpkru
\label\()_nostk:
    mov  SLOT(\callee, ERR), %rax
    xor  %edx, %edx
    jmp  \label\()_ret
// FROM: the loop above.  PKRU: M.
\label\()_skip:
    xor  %ebx, %ebx                           // A sees 0: B did not own it
    jmp  \label\()_put
\label\()_end:
.endm
