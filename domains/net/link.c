// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// link.c - frames between lwIP and the driver; the interface is in link.h.
//
// Reception: each frame comes in an object of its own, which becomes this domain's. Its headers are copied (at most
// HEADER_BYTES_MAX) and the payload is not. Transmission: lwIP's frames are gathered, by one copy each, in a staging
// object that is lent to the driver once per batch.
// Segments of a bulk transfer travel in one frame, both ways, where the driver offers that: lwIP sees one large
// segment. What a hostile driver could try: offsets outside the object, one object for two frames, objects without a
// frame, a count beyond the batch, lengths of headers and segments that contradict the frame, an event that there is
// not, changing bytes after delivery. All but the last are checked here; against that, headers are private, and payload
// is the application's to distrust, like anything from the network.
#include "link.h"
#include <stdint.h>
#include "alloc.h"
#include "boot.h"
#include "clock.h"
#include "flow.h"
#include "invariant.h"
#include "netdev.h"
#include "private_copy.h"
#include "public.h"
#include "string.h"
#include "xheap.h"
#include "lwip/etharp.h"
#include "lwip/inet_chksum.h"
#include "lwip/netif.h"
#include "lwip/priv/tcp_priv.h"
#include "netif/ethernet.h"

#define ETHERNET_BYTES 14
#define HEADERS_BYTES_MIN (ETHERNET_BYTES + 20 + 20)
#define UDP_BYTES 8
#define FRAME_ALIGN 16 // of each frame's headroom in the staging object
// A segment that the device is to cut: with its headers it fits the staging object, and leaves room for some small
// frames.
#define GSO_BYTES_MAX 61440
// For so long the staged frames are offered to a driver that is dead: two restarts. Longer not, since it may be them
// that kill it.
#define TX_PATIENCE_NS 50000000
#define GSO_MSS_MIN 536 // a peer that wants less would have the device make tens of thousands of frames of one segment

static struct netif interface;
static struct netdev_info device;
static bool has_link;
static bool is_away;   // the driver was dead when it was last asked
struct link_counters link_counters;

// Reception. The descriptors lie in the shared heap, so that lending them copies nothing.
static struct netdev_frame *rx_descriptors;
static struct rx_frame *rx_free;
// In lwIP's or in sockets' queues: frames, and the size of the objects that this domain holds for them.
static uint32_t rx_held, rx_held_bytes;

// Transmission: [first, first + count) of tx_descriptors are gathered in staging and not yet taken by the driver.
static uint8_t *staging;
static struct netdev_frame *tx_descriptors;
static uint32_t staged_bytes, tx_count;
static uint64_t tx_until_ns; // when these are given up; 0: the driver is not known to be dead
static bool tx_refused; // lwIP was told ERR_MEM since the last complete flush

// ---- received frames ----

static void rx_frame_release(struct rx_frame *frame) {
    if (--frame->pbufs > 0)
        return;
    if (frame->object != NULL)
        (void)xheap_free(frame->object);
    if (frame->flow != NULL)
        flow_frame_free(frame->flow);
    rx_held--;
    rx_held_bytes -= frame->object_bytes;
    frame->next = rx_free;
    rx_free = frame;
}

static void head_free(struct pbuf *pbuf) {
    rx_frame_release((struct rx_frame *)((char *)pbuf - offsetof(struct rx_frame, head.pbuf)));
}

static void body_free(struct pbuf *pbuf) {
    rx_frame_release((struct rx_frame *)((char *)pbuf - offsetof(struct rx_frame, body.pbuf)));
}

struct rx_frame *rx_frame_of(struct pbuf *pbuf) {
    if ((pbuf->flags & PBUF_FLAG_IS_CUSTOM) == 0 || ((struct pbuf_custom *)pbuf)->custom_free_function != body_free)
        return NULL;
    return (struct rx_frame *)((char *)pbuf - offsetof(struct rx_frame, body.pbuf));
}

struct rx_frame *rx_frame_of_head(struct pbuf *pbuf) {
    if ((pbuf->flags & PBUF_FLAG_IS_CUSTOM) == 0 || ((struct pbuf_custom *)pbuf)->custom_free_function != head_free)
        return NULL;
    return (struct rx_frame *)((char *)pbuf - offsetof(struct rx_frame, head.pbuf));
}

static struct rx_frame *rx_frame_new(void) {
    struct rx_frame *frame = rx_free;
    if (frame != NULL)
        rx_free = frame->next;
    else
        frame = heap_alloc(sizeof(*frame));
    if (frame == NULL)
        return NULL;
    rx_held++;
    frame->next = NULL;
    frame->object = NULL;
    frame->object_bytes = 0;
    frame->flow = NULL;
    frame->pbufs = 1;
    frame->head.custom_free_function = head_free;
    frame->body.custom_free_function = body_free;
    return frame;
}

static bool is_ipv4(const uint8_t *header, uint32_t copied) {
    return copied >= ETHERNET_BYTES + 20 && header[12] == 0x08 && header[13] == 0x00 &&
           header[ETHERNET_BYTES] >> 4 == 4;
}

// How many of a frame's first bytes are headers: exact for TCP and UDP, so that the body is exactly their payload, else
// all that were copied.
static uint32_t header_bytes(const uint8_t *header, uint32_t copied) {
    const uint8_t *ip = header + ETHERNET_BYTES;
    if (!is_ipv4(header, copied))
        return copied;
    const uint32_t ip_bytes = (ip[0] & 15u) * 4;
    if (ip[9] == IP_PROTO_UDP && copied >= ETHERNET_BYTES + ip_bytes + UDP_BYTES)
        return ETHERNET_BYTES + ip_bytes + UDP_BYTES;
    if (ip[9] != IP_PROTO_TCP)
        return copied;
    if (copied < ETHERNET_BYTES + ip_bytes + 20)
        return copied;
    const uint32_t all_bytes = ETHERNET_BYTES + ip_bytes + (ip[ip_bytes + 12] >> 4) * 4u;
    return all_bytes < copied ? all_bytes : copied;
}

// Whether what the driver says of a frame can be true of an object with room bytes. A frame of several segments must be
// one whose checksum somebody vouches for, and no other may be larger than the link allows; that it is TCP,
// receive_frame() checks when it has the headers.
static bool is_plausible(const struct netdev_frame *frame, size_t room) {
    const uint32_t bytes = frame->bytes;
    if (frame->offset > room || bytes > room - frame->offset || bytes < ETHERNET_BYTES || bytes > UINT16_MAX)
        return false;
    if ((frame->flags & NETDEV_NEEDS_CSUM) != 0 && (uint32_t)frame->csum_start + frame->csum_offset + 2 > bytes)
        return false;
    if (frame->gso_type == NETDEV_GSO_NONE)
        return bytes <= ETHERNET_BYTES + (uint32_t)interface.mtu;
    return frame->gso_type == NETDEV_GSO_TCPV4 && (device.offloads & NETDEV_OFFLOAD_LRO_RX) != 0 &&
           frame->gso_bytes > 0 && (frame->flags & (NETDEV_NEEDS_CSUM | NETDEV_DATA_VALID)) != 0 && frame->header_bytes >= HEADERS_BYTES_MIN &&
           frame->header_bytes <= bytes;
}

// One frame into lwIP; object is this domain's and is freed, at the latest when lwIP is done with it.
static void receive_frame(void *object, const struct netdev_frame *descriptor) {
    const size_t room = xheap_room(object);
    const uint32_t bytes = descriptor->bytes;
    struct rx_frame *frame = NULL;
    link_counters.frames_in++;
    if (!is_plausible(descriptor, room) || (frame = rx_frame_new()) == NULL) {
        link_counters.dropped_in++;
        (void)xheap_free(object);
        return;
    }
    link_counters.bytes_in += bytes;
    uint8_t *start = (uint8_t *)object + descriptor->offset;
    const uint32_t copied = bytes < HEADER_BYTES_MAX ? bytes : HEADER_BYTES_MAX;
    private_copy(frame->header, start, copied);
    // Only segments of TCP can be merged; as a datagram it would be longer than any that an application expects.
    if (descriptor->gso_type != NETDEV_GSO_NONE &&
        (!is_ipv4(frame->header, copied) || frame->header[ETHERNET_BYTES + 9] != IP_PROTO_TCP)) {
        link_counters.dropped_in++;
        (void)xheap_free(object);
        rx_frame_release(frame);
        return;
    }
    const uint32_t head_bytes = header_bytes(frame->header, copied), body_bytes = bytes - head_bytes;

    const bool has_ip = head_bytes > ETHERNET_BYTES && is_ipv4(frame->header, copied);
    const uint8_t *ip = frame->header + ETHERNET_BYTES;
    struct flow *flow = has_ip ? flow_find(ip, head_bytes - ETHERNET_BYTES, false) : NULL;

    struct pbuf *head = pbuf_alloced_custom(PBUF_RAW, (u16_t)head_bytes, PBUF_REF, &frame->head, frame->header,
                                            sizeof(frame->header));
    if (body_bytes == 0) {
        (void)xheap_free(object);
    } else if (rx_held > CONFIG_NET_RX_FRAMES_MAX || rx_held_bytes + room > CONFIG_NET_RX_QUEUE_KIB * 1024ull ||
               (flow != NULL && flow->frames >= FLOW_FRAMES_MAX)) {
        // The applications do not keep up, or one connection has its share: the peers will send again. Bare
        // acknowledgements still pass, above.
        link_counters.dropped_in++;
        (void)xheap_free(object);
        (void)pbuf_free(head);
        return;
    } else {
        frame->object = object;
        frame->object_bytes = (uint32_t)room;
        rx_held_bytes += frame->object_bytes;
        frame->pbufs = 2;
        frame->flow = flow;
        if (flow != NULL)
            flow->frames++;
        struct pbuf *body = pbuf_alloced_custom(PBUF_RAW, (u16_t)body_bytes, PBUF_REF, &frame->body,
                                                start + head_bytes, (u16_t)body_bytes);
        pbuf_cat(head, body);
    }
    const bool is_checked = (descriptor->flags & (NETDEV_NEEDS_CSUM | NETDEV_DATA_VALID)) != 0;
    const u16_t both = NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP;
    const u16_t flags = (u16_t)(interface.chksum_flags & ~both);
    NETIF_SET_CHECKSUM_CTRL(&interface, is_checked ? flags : flags | both);
    if (has_ip)
        flow_narrow(flow, ip, head_bytes - ETHERNET_BYTES);
    if (interface.input(head, &interface) != ERR_OK)
        (void)pbuf_free(head);
    flow_widen();
}

bool link_receive(void) {
    if (!has_link)
        return false;
    int count = netdev_receive(rx_descriptors, NETDEV_BATCH_MAX);
    is_away = count == -EDOMAINDEAD;
    if (count < 0)
        return is_away; // no buffers; or the driver died, and may be back by now
    if (count > NETDEV_BATCH_MAX)
        count = NETDEV_BATCH_MAX;

    // All objects first: what xheap_take() returns is valid only until the next call that gives.
    struct netdev_frame frames[NETDEV_BATCH_MAX];
    void *objects[NETDEV_BATCH_MAX];
    uint64_t taken = 0;
    _Static_assert(GIVE_MAX <= 64, "one bit per passed object");
    for (int i = 0; i < count; i++) {
        private_copy(&frames[i], &rx_descriptors[i], sizeof(frames[i]));
        const uint32_t index = frames[i].object;
        const bool is_first = index < GIVE_MAX && (taken >> index & 1) == 0;
        objects[i] = is_first ? xheap_take(index) : NULL;
        if (is_first)
            taken |= 1ull << index;
    }
    // Objects without a frame would be lost to this domain's quota.
    if (taken != (count == 0 ? 0 : ~0ull >> (64 - count)) || (count < GIVE_MAX && xheap_take((unsigned)count) != NULL))
        for (unsigned index = 0; index < GIVE_MAX; index++) {
            void *object = (taken >> index & 1) != 0 ? NULL : xheap_take(index);
            if (object != NULL)
                (void)xheap_free(object);
        }
    for (int i = 0; i < count; i++)
        if (objects[i] != NULL)
            receive_frame(objects[i], &frames[i]);
    return count == NETDEV_BATCH_MAX;
}

// ---- transmission ----

// Offers the staged frames to the driver. One that dies of it is usually back at once and gets them again, though it
// may have sent some: a frame that comes twice does no harm, one that is lost costs TCP a time-out.
static int transmit(void) {
    int taken = -EDOMAINDEAD;
    for (int tries = 0; tries < 2 && taken == -EDOMAINDEAD; tries++)
        taken = netdev_transmit(staging, staged_bytes, tx_descriptors, tx_count);
    is_away = taken == -EDOMAINDEAD;
    const uint64_t now_ns = is_away ? time_now_ns() : 0;
    if (is_away && tx_until_ns == 0)
        tx_until_ns = now_ns + TX_PATIENCE_NS;
    if (is_away && now_ns < tx_until_ns)
        return 0;
    tx_until_ns = 0;
    return taken;
}

// The driver may take only the first of the staged frames. True when none is left.
static bool transmit_staged(void) {
    if (tx_count == 0)
        return true;
    const int taken = transmit();
    if (taken < 0 || (uint32_t)taken >= tx_count) {
        // All gone: taken, or lost with a driver that stays away. TCP repairs the latter.
        link_counters.dropped_out += taken < 0 ? tx_count : 0;
        tx_count = staged_bytes = 0;
        return true;
    }
    tx_count -= (uint32_t)taken;
    memmove(tx_descriptors, tx_descriptors + taken, tx_count * sizeof(*tx_descriptors));
    return false;
}

bool link_flush(void) {
    bool is_empty = transmit_staged();
    if (is_empty && tx_refused) {
        // Segments that found no room wait in their connections' queues.
        tx_refused = false;
        for (struct tcp_pcb *pcb = tcp_active_pcbs, *next; pcb != NULL; pcb = next) {
            next = pcb->next;
            if (pcb->unsent != NULL)
                (void)tcp_output(pcb);
        }
        is_empty = transmit_staged();
    }
    return is_empty;
}

// Leaves the checksum of TCP or UDP to the device: the field gets the sum of the pseudo header, as virtio wants it.
static void offload_checksum(struct netdev_frame *descriptor, const uint8_t *header, uint8_t *out, uint32_t bytes) {
    const uint8_t *ip = header + ETHERNET_BYTES;
    const uint32_t ip_bytes = (ip[0] & 15u) * 4, start = ETHERNET_BYTES + ip_bytes;
    const uint32_t field = ip[9] == IP_PROTO_TCP ? 16 : 6; // where the checksum lies
    if (header[12] != 0x08 || header[13] != 0x00 || (ip[9] != IP_PROTO_TCP && ip[9] != IP_PROTO_UDP) ||
        start + field + 2 > bytes)
        return;
    uint16_t words[4]; // source and destination address
    memcpy(words, ip + 12, sizeof(words));
    uint32_t sum = lwip_htons(ip[9]) + lwip_htons((uint16_t)(bytes - start));
    for (int i = 0; i < 4; i++)
        sum += words[i];
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    const uint16_t folded = (uint16_t)sum;
    memcpy(out + start + field, &folded, sizeof(folded));
    descriptor->flags = NETDEV_NEEDS_CSUM;
    descriptor->csum_start = (uint16_t)start;
    descriptor->csum_offset = (uint16_t)field;
}

uint16_t link_segment_bytes(uint16_t mss) {
    const uint32_t needed = NETDEV_OFFLOAD_GSO_TX | NETDEV_OFFLOAD_CSUM_TX;
    const bool is_cut = (device.offloads & needed) == needed;
    return is_cut && mss >= GSO_MSS_MIN ? (uint16_t)(GSO_BYTES_MAX - GSO_BYTES_MAX % mss) : mss;
}

// Has the device cut a frame of flow that is larger than the link allows. False when it must not be cut.
static bool offload_segmentation(struct netdev_frame *descriptor, const uint8_t *header, const struct flow *flow) {
    const uint32_t start = descriptor->csum_start;
    if (flow == NULL || descriptor->flags == 0 || flow->mss >= flow->segment_bytes)
        return false;
    descriptor->gso_type = NETDEV_GSO_TCPV4;
    descriptor->gso_bytes = flow->mss;
    descriptor->header_bytes = (uint16_t)(start + (header[start + 12] >> 4) * 4u);
    return true;
}

// A frame that is larger than the link allows, and what of it is to be sent.
struct large_frame {
    const struct flow *flow;         // NULL when it is of no connection
    uint32_t header_bytes;
    uint32_t skipped_bytes;          // behind the headers: left out
    uint8_t header[HEADER_BYTES_MAX]; // when some are: in place of those that lwIP made
};

// lwIP keeps a segment until all of it is acknowledged, and sends it again from its first byte. Of one that the device
// cut, the peer may have the first part: sent whole each time, on a path that loses the tail of each burst, it would
// lose the same tail until the connection times out. So what the peer has is left out. The checksum of TCP is the
// device's: it cuts only what it sums.
static void large_frame_describe(struct large_frame *large, const struct pbuf *pbuf) {
    const uint8_t *header = pbuf->payload, *ip = header + ETHERNET_BYTES;
    large->skipped_bytes = 0;
    large->flow = pbuf->len < HEADERS_BYTES_MIN ? NULL : flow_find(ip, pbuf->len - ETHERNET_BYTES, true);
    if (large->flow == NULL)
        return;
    const uint32_t ip_bytes = (ip[0] & 15u) * 4;
    large->header_bytes = ETHERNET_BYTES + ip_bytes + (ip[ip_bytes + 12] >> 4) * 4u;
    if (large->header_bytes > pbuf->len || large->header_bytes > HEADER_BYTES_MAX)
        return;
    uint32_t sequence;
    memcpy(&sequence, ip + ip_bytes + 4, sizeof(sequence));
    // Wraps when the first byte is not acknowledged, and is too large as well when all are: a copy that waited for an
    // address, and goes as it is.
    const uint32_t known_bytes = large->flow->pcb->lastack - lwip_ntohl(sequence);
    if (known_bytes == 0 || known_bytes > pbuf->tot_len - large->header_bytes)
        return;
    large->skipped_bytes = known_bytes;
    uint8_t *new_ip = large->header + ETHERNET_BYTES;
    memcpy(large->header, header, large->header_bytes);
    sequence = lwip_htonl(large->flow->pcb->lastack);
    memcpy(new_ip + ip_bytes + 4, &sequence, sizeof(sequence));
    const uint16_t length = lwip_htons((uint16_t)(pbuf->tot_len - known_bytes - ETHERNET_BYTES)), none = 0;
    memcpy(new_ip + 2, &length, sizeof(length));
    memcpy(new_ip + 10, &none, sizeof(none));
    const uint16_t sum = inet_chksum(new_ip, (u16_t)ip_bytes);
    memcpy(new_ip + 10, &sum, sizeof(sum));
}

// lwIP's linkoutput. ERR_MEM makes TCP keep the segment; link_flush() has it sent later.
static err_t link_output(struct netif *netif, struct pbuf *pbuf) {
    const uint32_t link_bytes = ETHERNET_BYTES + (uint32_t)netif->mtu;
    const uint8_t *header = pbuf->payload;
    uint32_t bytes = pbuf->tot_len;
    struct large_frame large;
    large.skipped_bytes = 0;
    if (bytes > link_bytes)
        large_frame_describe(&large, pbuf);
    if (large.skipped_bytes > 0) {
        header = large.header;
        bytes -= large.skipped_bytes;
    }
    const uint32_t need = (NETDEV_HEADROOM + bytes + FRAME_ALIGN - 1) & ~(FRAME_ALIGN - 1u);
    if (need > XHEAP_OBJECT_MAX)
        return ERR_BUF;
    const bool is_full = tx_count == NETDEV_BATCH_MAX || staged_bytes + need > XHEAP_OBJECT_MAX;
    // Not link_flush(): lwIP is in the middle of a connection, whose output may not be entered again.
    if (is_full && !transmit_staged() && (tx_count == NETDEV_BATCH_MAX || staged_bytes + need > XHEAP_OBJECT_MAX)) {
        tx_refused = true;
        return ERR_MEM;
    }
    uint8_t *out = staging + staged_bytes + NETDEV_HEADROOM;
    if (large.skipped_bytes > 0) {
        const uint32_t header_bytes = large.header_bytes, first = header_bytes + large.skipped_bytes;
        memcpy(out, header, header_bytes);
        pbuf_copy_partial(pbuf, out + header_bytes, (u16_t)(bytes - header_bytes), (u16_t)first);
    } else {
        pbuf_copy_partial(pbuf, out, (u16_t)bytes, 0);
    }
    struct netdev_frame descriptor = { .offset = staged_bytes + NETDEV_HEADROOM, .bytes = bytes };
    // lwIP builds all headers in the first pbuf: read there, where nobody else can write.
    if ((device.offloads & NETDEV_OFFLOAD_CSUM_TX) != 0 && pbuf->len >= ETHERNET_BYTES + 20 + UDP_BYTES)
        offload_checksum(&descriptor, header, out, bytes);
    if (bytes > link_bytes && !offload_segmentation(&descriptor, header, large.flow))
        return ERR_IF;
    tx_descriptors[tx_count++] = descriptor;
    staged_bytes += need;
    link_counters.frames_out++;
    link_counters.bytes_out += bytes;
    return ERR_OK;
}

// ---- the interface ----

static err_t interface_init(struct netif *netif) {
    netif->name[0] = 'n';
    netif->name[1] = 'd';
    netif->mtu = device.mtu < 576 ? 576 : device.mtu > 1500 ? 1500 : device.mtu;
    netif->hwaddr_len = sizeof(device.mac);
    memcpy(netif->hwaddr, device.mac, sizeof(device.mac));
    netif->output = etharp_output;
    netif->linkoutput = link_output;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
    u16_t checksums = NETIF_CHECKSUM_ENABLE_ALL;
    if ((device.offloads & NETDEV_OFFLOAD_CSUM_TX) != 0)
        checksums &= (u16_t)~(NETIF_CHECKSUM_GEN_TCP | NETIF_CHECKSUM_GEN_UDP);
    NETIF_SET_CHECKSUM_CTRL(netif, checksums);
    return ERR_OK;
}

// "10.7.0.2/24" into address and mask. False for anything else.
static bool parse_address(char *text, ip4_addr_t *address, ip4_addr_t *mask) {
    char *slash = strchr(text, '/');
    unsigned prefix = 24;
    if (slash != NULL) {
        *slash = 0;
        prefix = 0;
        for (const char *digit = slash + 1; *digit != 0; digit++) {
            if (*digit < '0' || *digit > '9' || prefix > 32)
                return false;
            prefix = prefix * 10 + (unsigned)(*digit - '0');
        }
    }
    if (prefix < 1 || prefix > 32 || !ip4addr_aton(text, address))
        return false;
    ip4_addr_set_u32(mask, lwip_htonl(~0u << (32 - prefix)));
    return true;
}

static void configure_addresses(ip4_addr_t *address, ip4_addr_t *mask, ip4_addr_t *gateway) {
    char text[32];
    if (boot_argument("ip", text, sizeof(text)) == NULL || !parse_address(text, address, mask)) {
        IP4_ADDR(address, 10, 7, 0, 2);
        IP4_ADDR(mask, 255, 255, 255, 0);
    }
    if (boot_argument("gw", text, sizeof(text)) == NULL || !ip4addr_aton(text, gateway))
        IP4_ADDR(gateway, 10, 7, 0, 1);
}

int link_init(void) {
    const int error = netdev_info(&device);
    if (error == -EDOMAINDEAD)
        return error; // it comes back, and so does this domain
    // net.c looks the event up on the public page, and the driver may have named one that is far beyond it.
    if (error < 0 || device.event >= EVENT_MAX)
        return 0;
    rx_descriptors = xheap_alloc(NETDEV_BATCH_MAX * sizeof(*rx_descriptors));
    tx_descriptors = xheap_alloc(NETDEV_BATCH_MAX * sizeof(*tx_descriptors));
    staging = xheap_alloc(XHEAP_OBJECT_MAX);
    if (rx_descriptors == NULL || tx_descriptors == NULL || staging == NULL)
        return -ENOMEM;
    ip4_addr_t address, mask, gateway;
    configure_addresses(&address, &mask, &gateway);
    if (netif_add(&interface, &address, &mask, &gateway, NULL, interface_init, ethernet_input) == NULL)
        return -ENOMEM;
    has_link = true;
    netif_set_default(&interface);
    netif_set_up(&interface); // announces the address
    (void)link_flush();
    return 0;
}

int link_event(void) { return has_link ? (int)device.event : -1; }
bool link_is_away(void) { return is_away; }
