// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// contract.c - gates' arguments and results; the list of all checks. See contract.h.
#include "contract.h"
#include "check.h"
#include "clock.h"
#include "contractdeep.h"
#include "contractpeer.h"
#include "device.h"
#include "domain.h"
#include "log.h"
#include "string.h"
#include "xheap.h"

static int failed;

void check(const char *name, int64_t got, int64_t wanted) {
    if (got == wanted) {
        log_line("ok %s", name);
        return;
    }
    failed++;
    log_line("not ok %s got %ld wanted %ld", name, got, wanted);
}

bool is_apart(void) { return contractpeer_domain() != domain_self; }

int contract_call_back(void) { return contractpeer_domain(); }
int contract_descend(uint32_t depth) { return depth ? contractdeep_descend(depth - 1) : 0; }

static void gate_checks(void) {
    uint8_t text[1100];
    memset(text, 1, sizeof text);
    check("copy_in sums what was sent", contractpeer_sum_copy(text, 1000), 1000);
    uint8_t *shared = xheap_alloc(1000);
    memset(shared, 1, 1000);
    if (is_apart()) check("copy_in of a heap object arrives in private memory", contractpeer_sum_copy(shared, 1000), 1000);
    check("freeing it", xheap_free(shared), 0);
    if (is_apart()) check("copy_in beyond COPY_MAX is refused", contractpeer_sum_copy(text, 1100), -E2BIG);
    check("lend_inout of private memory comes back", contractpeer_increment(text, 1000), 0);
    check("every lent byte was written, none behind them", text[0] + text[999] + text[1000], 5);
    uint8_t *object = xheap_alloc(1024);
    memset(object, 3, 1024);
    check("lend_inout of a heap object", contractpeer_increment(object + 24, 1000), 0);
    check("in place, and only the lent part", object[23] + object[24] + object[1023], 11);
    check("lending nothing", contractpeer_increment(object, 0), 0);
    if (is_apart()) {
        uint64_t theirs = 0;
        check("the peer owns an object", contractpeer_object(&theirs), 0);
        check("lending the callee its own object is refused", contractpeer_increment((uint8_t *)theirs, 8), -EFAULT);
        check("lending past an object's end is refused", contractpeer_increment(object + 1000, 1000), -EFAULT);
        check("lending a null pointer is refused", contractpeer_increment(NULL, 8), -EFAULT);
        check("a device of another domain is refused", device_submit(DEVICE_NET0, DEVICE_READ, (struct device_buffer *)object, 1), -EPERM);
        check("the clock is not ours to set", clock_adjust(1, 0), -EPERM);
    }
    check("freeing it afterwards", xheap_free(object), 0);
    check("a short mutual recursion returns", contract_descend(8), 0);
    if (is_apart()) check("a long one ends with -ENOSTACK and no fault", contract_descend(100000), -ENOSTACK);
    check("and the stacks are balanced afterwards", contract_descend(8), 0);
    check("a serial component entered again by its holder", contractpeer_reenter(), -EDEADLK);
    check("and its lock is free afterwards", contractpeer_domain() > 0, 1);
}

int contract_run(void) {
    gate_checks();
    heap_checks();
    thread_checks();
    system_checks();
    log_line("CONTRACT end failed=%d", failed);
    return failed != 0;
}
