// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// xheap_strict.h - what the strict mode of the shared heap adds for generated stubs. A component never calls it.
//
//   xheap_loan_begin, xheap_loan_end   around a call that lends: the pages become the callee's, and the lender's again
//   xheap_claim_one                    in the callee of a give: the pages of what arrived become its own
//   xheap_claim, xheap_lend_out, xheap_lend_back   the monitor's side
//
// A loan is pushed by its lender, who is the one that may part with it; a borrower that could pull would take anything.
// A gift is pulled by its receiver, whom the owner table names: the giver need not be trusted to let go. The monitor
// keeps, per object, the chain of those who lent it on and the thread for which. Invariant: pages carry the key of the
// last borrower, of the owner when there is none (once it has claimed them), and of the monitor when nobody owns them.
#ifndef XHEAP_STRICT_H
#define XHEAP_STRICT_H

#include "xheap.h"

#define XHEAP_LOANS_MAX 6              // per call: one for each argument

struct xheap_loan { uint64_t words[2]; };

// Lends the objects that contain places (NULL: none) to borrower, a domain, for this thread; at most XHEAP_LOANS_MAX.
// Returns 0, with *loan for loan_end; -EFAULT when one is no object that this domain may touch now; -EBUSY when one is
// lent on another thread, or too often. A failure lends none.
int xheap_loan_begin(uint32_t borrower, const void *const *places, size_t count, struct xheap_loan *loan);
void xheap_loan_end(const struct xheap_loan *loan);

// 0, or -EFAULT when object is not this domain's, or was lent by a giver that should not have been able to give it.
int xheap_claim_one(const void *object);

// The objects in the words (as in xheap_drain), which the caller owns, become reachable for it, children included, and
// for nobody else. Returns a bit per place in the words; 0 in it: not the caller's, or lent.
GATE(monitor) int xheap_claim(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f);
// What loan_begin and loan_end ask for; each word names up to three roots. lend_back ends the caller's last loan of
// each on this thread, and those that its borrowers have forgotten. Returns 0; -EFAULT, -EBUSY as above; -EINVAL for no
// such domain.
GATE(monitor) int xheap_lend_out(uint64_t borrower, uint64_t a, uint64_t b);
GATE(monitor) int xheap_lend_back(uint64_t a, uint64_t b);

#endif
