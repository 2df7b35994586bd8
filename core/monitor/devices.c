// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// devices.c - device_submit and device_event: the check that a device belongs to the domain that drives it.
#include <heap_mode.h>
#include "device.h"
#include "monitor.h"
#include "nucleus.h"
#include "private_copy.h"
#include "xheap.h"

int device_submit(uint32_t device, uint32_t operation, struct device_buffer *buffers, size_t count) {
    uint32_t caller = monitor_caller();
    if (device >= device_count) return -ENODEV;
    if (device_table[device].domain != caller) return -EPERM;
    if (!count || count > DEVICE_BATCH_MAX || operation > DEVICE_NOTIFY) return -EINVAL;
    struct device_buffer list[DEVICE_BATCH_MAX]; // private: the originals can change under us
    for (size_t i = 0; i < count; i++) {
        private_copy(&list[i], &buffers[i], sizeof list[i]);
        if (!list[i].bytes || !heap_is_reached(caller, (void *)list[i].address, list[i].bytes)) return -EINVAL;
    }
    int done = nucleus_device_submit(device, operation, list, count);
    for (int i = 0; i < done; i++) buffers[i].result = list[i].result;
    return done;
}

int device_event(uint32_t device) { return device < device_count ? device_table[device].event : -EINVAL; }
