// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// system.c - the lists of core/include/system.h, and console input, of which the test gives none (/dev/null)
// or, on platform pc, whose port never ends, one word (boot argument typed=1).
#include "boot.h"
#include "check.h"
#include "console.h"
#include "device.h"
#include "domain.h"
#include "string.h"
#include "system.h"
#include "thread.h"
#include "xheap.h"

static void list_checks(void) {
    static struct system_domain domains[SYSTEM_BATCH_MAX];
    static struct system_edge edges[SYSTEM_BATCH_MAX];
    static struct system_component components[SYSTEM_BATCH_MAX];
    static struct system_thread threads[SYSTEM_BATCH_MAX];
    struct system_about about;
    check("the system tells about itself", system_about(&about), 0);
    check("a batch of no rows is refused", system_domains(0, domains, 0), -EINVAL);
    check("a batch of too many rows is refused", system_edges(0, edges, SYSTEM_BATCH_MAX + 1), -EINVAL);
    check("behind the end there is no row", system_components(about.components, components, SYSTEM_BATCH_MAX), 0);
    check("far behind it neither", system_threads(UINT32_MAX, threads, SYSTEM_BATCH_MAX), 0);
    memset(domains, 'x', sizeof(domains));
    check("one row from the middle", system_domains(DOMAIN_MONITOR, domains, 1), 1);
    check("is that of the monitor", strcmp(domains[0].name, "monitor"), 0);
    check("and the next one was left alone", domains[1].name[0], 'x');
    check("every domain has a row", system_domains(0, domains, SYSTEM_BATCH_MAX), about.domains);
    check("also this one", domains[domain_self].state, SYSTEM_DOMAIN_RUNNING);
    uint32_t total = 0;
    int count;
    while ((count = system_edges(total, edges, 7)) > 0)
        total += (uint32_t)count;
    check("batches of seven have all edges", total, about.edges);
    check("this thread has a row", system_threads(thread_self(), threads, 1), 1);
    check("of its name", strcmp(threads[0].name, "contract_run"), 0);
    check("and runs", threads[0].state == THREAD_RUNNABLE && threads[0].event == SYSTEM_NO_EVENT, 1);
    check("an end of another kind is refused", system_stop(SYSTEM_REBOOT + 1), -EINVAL);
}

static void input_checks(void) {
    static char text[CONSOLE_READ_MAX + 1];
    check("reading nothing from the console is refused", console_read(text, 0), -EINVAL);
    check("reading too much is refused", console_read(text, sizeof(text)), -EINVAL);
    if (boot_number("typed", 0)) {
        int count, bytes = 0;
        while (bytes < 5 && (count = console_read(text + bytes, 5 - (size_t)bytes)) > 0)
            bytes += count;
        check("what is typed arrives", memcmp(text, "hello", 5), 0);
        return;
    }
    check("the input has ended", console_read(text, CONSOLE_READ_MAX), 0);
    check("and stays so", console_read(text, 1), 0);
    if (is_apart())
        return;
    void *object = xheap_alloc(256); // without keys this domain is the driver's
    struct device_buffer buffer = {.address = (uintptr_t)object, .bytes = 256};
    check("a device reports its end only once", device_submit(DEVICE_CONSOLE, DEVICE_READ, &buffer, 1), -ENODEV);
    check("freeing its buffer", xheap_free(object), 0);
}

void system_checks(void) {
    list_checks();
    input_checks();
}
