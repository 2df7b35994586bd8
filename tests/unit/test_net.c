// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// test_net.c - the network stack of the image, lwIP included, between a driver and a peer that are made here.
//
// The driver may lie: every frame lies in an allocation of its own, so that the address sanitizer sees any step beyond.
// The peer is a small TCP client that can lose frames and garble them. Time stands still but for time_pass().
#include "fake.h"
#include "alloc.h"
#include "clock.h"
#include "flow.h"
#include "link.h"
#include "net.h"
#include "netdev.h"
#include "secret.h"
#include "socket.h"
#include "thread.h"
#include "timers.h"
#include "xheap.h"

#define PORT 7
#define MSS 1460
#define MTU 1500

// ---- the shared heap ----

// A fixed one: a failure comes again.
int secret_draw(const char *who, uint64_t secret[2]) {
    (void)who;
    secret[0] = 1;
    secret[1] = 2;
    return 0;
}

#define OBJECTS_MAX 4096
static struct object { char *start; size_t bytes; } objects[OBJECTS_MAX];
static int object_count;
static void *given[GIVE_MAX], *passed[GIVE_MAX]; // to net by the driver; by net to the application
static unsigned given_count, passed_count;

void *xheap_alloc(size_t bytes) {
    assert_true(object_count < OBJECTS_MAX);
    objects[object_count] = (struct object){ heap_alloc(bytes), bytes };
    return objects[object_count++].start;
}

static struct object *object_of(const void *address) {
    for (int i = 0; i < object_count; i++)
        if ((const char *)address >= objects[i].start && (const char *)address < objects[i].start + objects[i].bytes)
            return &objects[i];
    return NULL;
}

int xheap_free(void *address) {
    struct object *object = object_of(address);
    assert_true(object != NULL && object->start == address);
    heap_free(address);
    *object = objects[--object_count];
    return 0;
}

size_t xheap_room(const void *address) {
    const struct object *object = object_of(address);
    return object == NULL ? 0 : object->bytes - (size_t)((const char *)address - object->start);
}

int xheap_pass(void *object) {
    passed[passed_count] = object;
    return (int)passed_count++;
}

void *xheap_take(unsigned index) { return index < given_count ? given[index] : NULL; }

int event_wait(uint32_t event, uint32_t seen, uint64_t deadline_ns) {
    return (void)event, (void)seen, (void)deadline_ns, -ETIMEDOUT;
}
int event_signal(uint32_t event) { return (void)event, 0; }

// ---- the driver ----

static struct netdev_frame pending[NETDEV_BATCH_MAX];
static int pending_count;
static uint64_t sent_frames, sent_gso;
static uint32_t driver_event;
static int driver_deaths; // so many of the next calls end with the driver
static void peer_frame(const uint8_t *frame, const struct netdev_frame *descriptor);

int netdev_info(struct netdev_info *info) {
    if (driver_deaths > 0)
        return driver_deaths--, -EDOMAINDEAD;
    *info = (struct netdev_info){ .mac = { 2, 0, 0, 0, 0, 2 }, .mtu = MTU, .event = driver_event, .offloads = 15 };
    return 0;
}

int netdev_receive(struct netdev_frame *frames, size_t max) {
    assert_int_equal(max, NETDEV_BATCH_MAX);
    if (driver_deaths > 0)
        return driver_deaths--, -EDOMAINDEAD;
    memcpy(frames, pending, sizeof(pending));
    const int count = pending_count;
    pending_count = 0;
    return count;
}

int netdev_transmit(void *data, size_t bytes, const struct netdev_frame *frames, size_t count) {
    if (driver_deaths > 0)
        return driver_deaths--, -EDOMAINDEAD;
    for (size_t i = 0; i < count; i++) {
        const struct netdev_frame *frame = &frames[i];
        assert_true(frame->offset >= NETDEV_HEADROOM && frame->offset + frame->bytes <= bytes);
        assert_true(frame->gso_type == NETDEV_GSO_NONE ? frame->bytes <= 14 + MTU : frame->gso_bytes >= 536);
        sent_frames++;
        sent_gso += frame->gso_type != NETDEV_GSO_NONE;
        peer_frame((const uint8_t *)data + frame->offset, frame);
    }
    return (int)count;
}

// A frame in an object of exactly its size, to be received next; the caller may make the descriptor lie.
static struct netdev_frame *offer(const void *frame, uint32_t bytes) {
    given[given_count] = xheap_alloc(bytes);
    memcpy(given[given_count], frame, bytes);
    pending[pending_count] = (struct netdev_frame){ .object = given_count++, .bytes = bytes, .flags = NETDEV_DATA_VALID };
    return &pending[pending_count++];
}

static bool arp_due = true; // the peer tells its address, at the start and when it is asked again

static void receive(void) {
    static const uint8_t reply[42] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 1, 10, 7, 0, 1,
                                       2, 0, 0, 0, 0, 2, 10, 7, 0, 2 };
    if (arp_due)
        offer(reply, sizeof(reply));
    arp_due = false;
    (void)link_receive();
    given_count = 0;
    (void)link_flush();
}

static void time_pass(uint64_t ms) {
    fake_public.clock.base_ns += ms * 1000000;
    timers_run();
    (void)link_flush();
    if (arp_due)
        receive();
}

// ---- the peer: one connection ----

#define STREAM_BYTES 2000000
static uint8_t stream[STREAM_BYTES];           // what the application sends: a pattern
static uint32_t peer_sequence, peer_expected;  // next to send; next to come
static uint32_t peer_first;                    // the system's first sequence number
static uint32_t peer_told;                     // the last acknowledgement
static uint16_t peer_port = 2000;
static unsigned loss_percent;
static bool peer_is_open;

static uint16_t get16(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }
static uint32_t get32(const uint8_t *at) { return (uint32_t)get16(at) << 16 | get16(at + 2); }
static void put16(uint8_t *at, uint32_t value) { at[0] = (uint8_t)(value >> 8), at[1] = (uint8_t)value; }
static void put32(uint8_t *at, uint32_t value) { put16(at, value >> 16), put16(at + 2, value); }

static uint8_t out[70000];

static void sum_header(void) {
    uint32_t sum = 0;
    put16(out + 24, 0);
    for (int i = 14; i < 34; i += 2)
        sum += get16(out + i);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    put16(out + 24, ~sum);
}

// A TCP segment of the peer's in out, bytes of payload. Returns the frame's length.
static uint32_t segment(uint8_t flags, uint32_t bytes) {
    const bool is_syn = (flags & 2) != 0;
    const uint32_t tcp_bytes = is_syn ? 28 : 20;
    static const uint8_t start[] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0,
                                     10, 7, 0, 1, 10, 7, 0, 2 };
    memcpy(out, start, sizeof(start));
    put16(out + 16, 20 + tcp_bytes + bytes);
    sum_header();
    uint8_t *tcp = out + 34;
    put16(tcp, peer_port);
    put16(tcp + 2, PORT);
    put32(tcp + 4, peer_sequence);
    put32(tcp + 8, peer_expected);
    peer_told = peer_expected;
    tcp[12] = (uint8_t)(tcp_bytes / 4 << 4);
    tcp[13] = flags;
    put16(tcp + 14, 0xffff);
    put32(tcp + 16, 0);
    static const uint8_t options[] = { 2, 4, MSS >> 8, MSS & 255, 1, 3, 3, 4 };
    if (is_syn)
        memcpy(tcp + 20, options, sizeof(options));
    return 34 + tcp_bytes + bytes;
}

static bool ack_due;
static uint64_t peer_resets;
static uint32_t path_frames = UINT32_MAX, path_room = UINT32_MAX; // of a burst, the path passes so many; and still will
static bool is_fin_lost, has_fin;

// The internet checksum's sum of bytes (an even number) at address; 0xffff over a header with the right checksum.
static uint16_t sum_of(const uint8_t *address, uint32_t bytes, uint32_t sum) {
    for (uint32_t i = 0; i < bytes; i += 2)
        sum += get16(address + i);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

// How much of a frame's payload gets through when the device has cut it.
static uint32_t path_pass(uint32_t bytes) {
    const uint32_t frames = (bytes + MSS - 1) / MSS, got = frames < path_room ? frames : path_room;
    path_room -= got;
    return got == frames ? bytes : got * MSS;
}

static void peer_frame(const uint8_t *frame, const struct netdev_frame *descriptor) {
    const uint8_t *tcp = frame + 34;
    arp_due |= get16(frame + 12) == 0x0806;
    if (get16(frame + 12) != 0x0800 || frame[23] != 6 || get16(tcp + 2) != peer_port || random_below(100) < loss_percent)
        return;
    assert_true(descriptor->gso_type == NETDEV_GSO_NONE || descriptor->header_bytes == 54);
    const uint32_t bytes = get16(frame + 16) - 20u - (tcp[12] >> 4) * 4u, sequence = get32(tcp + 4);
    assert_int_equal(descriptor->bytes, 34 + (tcp[12] >> 4) * 4u + bytes);
    assert_int_equal(sum_of(frame + 14, 20, 0), 0xffff);
    // The device completes it: it finds the sum of the addresses, the protocol and the length.
    assert_int_equal(descriptor->flags, NETDEV_NEEDS_CSUM);
    assert_int_equal(descriptor->csum_start, 34);
    assert_int_equal(descriptor->csum_offset, 16);
    assert_int_equal(get16(tcp + 16), sum_of(frame + 26, 8, 6 + descriptor->bytes - 34));
    if (tcp[13] & 4)
        peer_resets++;
    if ((tcp[13] & 2) && !peer_is_open) {
        peer_expected = peer_first = sequence + 1;
        peer_is_open = true;
    } else if (peer_is_open && bytes > 0 && sequence - peer_first < STREAM_BYTES) {
        // Whatever comes, however often, is the stream as it was sent.
        assert_memory_equal(tcp + (tcp[12] >> 4) * 4, stream + (sequence - peer_first), bytes);
        // And nothing comes that the peer has told that it has.
        assert_true((int32_t)(sequence - peer_told) >= 0);
        const uint32_t end = sequence + path_pass(bytes);
        if ((int32_t)(sequence - peer_expected) <= 0 && (int32_t)(end - peer_expected) > 0)
            peer_expected = end;
        ack_due |= end != sequence;
    }
    has_fin |= peer_is_open && (tcp[13] & 1) != 0 && !is_fin_lost && sequence + bytes == peer_expected;
}

static void peer_segment(uint8_t flags, uint32_t bytes) {
    offer(out, segment(flags, bytes));
    receive();
}

static net_socket_t listener, connection;
static struct net_event events[NET_EVENTS_MAX];

static uint32_t collect(void) {
    passed_count = 0;
    return socket_collect(0, events, NET_EVENTS_MAX);
}

static void free_passed(void) {
    for (unsigned i = 0; i < passed_count; i++)
        (void)xheap_free(passed[i]);
}

static void connect_peer(void) {
    peer_port++;
    peer_is_open = false;
    peer_sequence = random_next();
    loss_percent = 0;
    peer_segment(2, 0);
    assert_true(peer_is_open);
    peer_sequence++;
    peer_segment(16, 0);
    assert_int_equal(collect(), 1);
    assert_int_equal(events[0].kind, NET_ACCEPTED);
    connection = events[0].socket;
}

// The event's count is looked up on the public page: with these, net would read far beyond it.
static void test_no_link_with_an_event_that_is_none(void **state) {
    (void)state;
    static const uint32_t lies[] = { EVENT_MAX, 0x10000000, UINT32_MAX };
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        driver_event = lies[i];
        assert_int_equal(link_init(), 0);
        assert_int_equal(link_event(), -1);
    }
    assert_int_equal(object_count, 0);
    driver_event = EVENT_MAX - 1;
}

// Then the whole domain has to start again, rather than run without a link for ever.
static void test_no_start_with_a_dead_driver(void **state) {
    (void)state;
    driver_deaths = 1;
    assert_int_equal(link_init(), -EDOMAINDEAD);
    assert_int_equal(object_count, 0);
}

static int set_up(void **state) {
    (void)state;
    fake_public.boot_arguments[0] = 0;
    for (size_t i = 0; i < STREAM_BYTES; i++)
        stream[i] = (uint8_t)(i * 7 + i / 251);
    assert_int_equal(net_init(1, 0), 0);
    assert_int_equal(link_event(), EVENT_MAX - 1);
    listener = (net_socket_t)socket_listen(0, PORT, 100);
    return 0;
}

// ---- tests ----

static void test_merged_segments_arrive_in_their_object(void **state) {
    (void)state;
    connect_peer();
    const uint32_t frame_bytes = segment(24, 60000);
    memcpy(out + 54, stream, 60000);
    struct netdev_frame *frame = offer(out, frame_bytes);
    *frame = (struct netdev_frame){ .object = frame->object, .bytes = frame_bytes, .flags = NETDEV_NEEDS_CSUM,
                                    .gso_type = NETDEV_GSO_TCPV4, .header_bytes = 54, .gso_bytes = MSS, .csum_start = 34,
                                    .csum_offset = 16 };
    void *object = given[frame->object];
    const uint64_t before = sent_frames;
    receive();
    assert_int_equal(sent_frames, before + 1); // the acknowledgement, at once
    assert_int_equal(collect(), 1);
    assert_int_equal(events[0].kind, NET_RECEIVED);
    assert_int_equal(events[0].bytes, 60000);
    assert_ptr_equal(passed[events[0].object], object);
    assert_memory_equal((char *)object + events[0].offset, stream, 60000);
    free_passed();
    peer_sequence += 60000;
}

// A driver that is back at once gets the staged frames again; one that stays away, or dies of them each time, loses
// them, and neither is asked without a pause.
static void test_frames_outlive_their_driver(void **state) {
    (void)state;
    connect_peer();
    const uint64_t lost = link_counters.dropped_out;
    struct net_send send = { .socket = connection, .bytes = 100 };
    uint64_t before = sent_frames;
    driver_deaths = 1;
    assert_int_equal(socket_send(0, &send, stream), 100);
    sockets_output();
    assert_true(link_flush());
    assert_int_equal(sent_frames, before + 1);
    assert_false(link_is_away());
    before = sent_frames;
    driver_deaths = 4;
    assert_int_equal(socket_send(0, &send, stream + 100), 100);
    sockets_output();
    assert_false(link_flush());
    assert_false(link_flush());
    assert_true(link_is_away());
    assert_true(link_flush());
    assert_int_equal(sent_frames, before + 1);
    assert_int_equal(link_counters.dropped_out, lost);
    before = sent_frames;
    driver_deaths = 1000;
    assert_int_equal(socket_send(0, &send, stream + 200), 100);
    sockets_output();
    for (int flushes = 0; flushes < 20; flushes++)
        assert_false(link_flush());
    fake_public.clock.base_ns += 49000000;
    assert_false(link_flush());
    fake_public.clock.base_ns += 2000000;
    assert_true(link_flush());
    assert_int_equal(link_counters.dropped_out, lost + 1);
    assert_int_equal(sent_frames, before);
    driver_deaths = 1;
    assert_true(link_receive()); // it may be back
    assert_true(link_is_away());
    assert_false(link_receive());
    assert_false(link_is_away());
}

// What a hostile driver may say of a frame that is good: nobody hears of the frame, and its object is freed.
static void test_lies_of_the_driver(void **state) {
    (void)state;
    static const struct netdev_frame lies[] = {
        { .bytes = 61001 }, { .bytes = UINT32_MAX }, { .bytes = 13 }, { .bytes = 0 }, { .bytes = 60000, .offset = 60000 },
        { .bytes = 61000, .offset = UINT32_MAX }, { .bytes = 60000 }, // longer than the link allows
        { .bytes = 60000, .gso_type = NETDEV_GSO_TCPV4, .header_bytes = 54 }, // segments of 0 bytes
        { .bytes = 60000, .gso_type = NETDEV_GSO_TCPV4, .gso_bytes = MSS, .header_bytes = 60001 },
        { .bytes = 60000, .gso_type = NETDEV_GSO_TCPV4, .gso_bytes = MSS, .header_bytes = 53 },
        { .bytes = 60000, .gso_type = NETDEV_GSO_TCPV4, .gso_bytes = MSS },
        { .bytes = 60000, .gso_type = 4, .gso_bytes = MSS, .header_bytes = 54 }, // nobody asked for IPv6
        { .bytes = 100, .flags = NETDEV_NEEDS_CSUM, .csum_start = 34, .csum_offset = 65 },
        { .bytes = 100, .flags = NETDEV_NEEDS_CSUM, .csum_start = 65535, .csum_offset = 65535 },
    };
    connect_peer();
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        const int live = object_count;
        const uint64_t dropped = link_counters.dropped_in;
        const uint32_t frame_bytes = segment(24, 60946);
        assert_int_equal(frame_bytes, 61000);
        struct netdev_frame *frame = offer(out, frame_bytes);
        const uint32_t object = frame->object, flags = lies[i].flags | NETDEV_DATA_VALID;
        *frame = lies[i];
        frame->object = object;
        frame->flags = (uint8_t)flags;
        receive();
        assert_int_equal(link_counters.dropped_in, dropped + 1);
        assert_int_equal(object_count, live);
        assert_int_equal(collect(), 0);
    }
    // A checksum for which nobody vouches, of merged segments.
    const int live = object_count;
    struct netdev_frame *frame = offer(out, segment(24, 60000));
    *frame = (struct netdev_frame){ .object = frame->object, .bytes = frame->bytes, .gso_type = NETDEV_GSO_TCPV4,
                                    .gso_bytes = MSS, .header_bytes = 54 };
    // One object for two frames, and objects that there are not.
    offer(out, segment(24, 100));
    pending[pending_count++] = pending[1];
    pending[pending_count++] = (struct netdev_frame){ .object = 60, .bytes = 100 };
    pending[pending_count++] = (struct netdev_frame){ .object = UINT32_MAX, .bytes = 100 };
    receive();
    assert_int_equal(collect(), 1);
    assert_int_equal(events[0].bytes, 100);
    free_passed();
    assert_int_equal(object_count, live);
    peer_sequence += 100;
}

static bool gives; // the stream is sent by socket_give()

// Of the stream bytes from at on, behind offset bytes of nothing.
static void *object_with(uint32_t at, uint32_t bytes, uint32_t offset) {
    uint8_t *object = xheap_alloc(offset + bytes + random_below(2));
    memcpy(object + offset, stream + at, bytes);
    return object;
}

// Queues bytes from at on; by giving, one object after the other. Returns how many are the stack's now.
static uint32_t hand_over(uint32_t at, uint32_t bytes, bool *is_writable) {
    if (!gives || bytes == 0) {
        struct net_send send = { .socket = connection, .bytes = bytes };
        const int result = bytes == 0 ? 0 : socket_send(0, &send, stream + at);
        assert_true(result >= 0);
        return (uint32_t)result;
    }
    if (!*is_writable)
        return 0;
    const uint32_t part = 1 + random_below(bytes), offset = random_below(100);
    const int result = socket_give(0, connection, object_with(at, part, offset), offset, part);
    assert_in_range(result, 0, part);
    *is_writable = (uint32_t)result == part;
    if (!*is_writable) {
        assert_int_equal(socket_give(0, connection, xheap_alloc(10), 0, 10), -EBUSY);
        const struct net_send send = { .socket = connection, .bytes = 10 };
        assert_int_equal(socket_send(0, &send, stream), 0); // would come before the rest
    }
    return part;
}

// Sends the stream; the peer loses frames of both directions. Returns the frames that it took.
static uint64_t transfer(unsigned percent) {
    connect_peer();
    const uint64_t before = sent_frames;
    const int live = object_count;
    loss_percent = percent;
    uint32_t queued = 0;
    bool is_writable = true;
    for (int round = 0; peer_expected - peer_first < STREAM_BYTES; round++) {
        assert_true(round < 200000);
        queued += hand_over(queued, STREAM_BYTES - queued < 65536 ? STREAM_BYTES - queued : 65536, &is_writable);
        path_room = peer_expected - peer_first > STREAM_BYTES / 3 ? path_frames : UINT32_MAX; // once segments are large
        sockets_output();
        (void)link_flush();
        for (uint32_t i = 0, count = collect(); i < count; i++)
            is_writable |= events[i].kind == NET_WRITABLE;
        if (ack_due) {
            ack_due = false;
            if (random_below(100) >= percent)
                peer_segment(16, 0);
        } else {
            time_pass(250);
        }
    }
    loss_percent = 0;
    peer_segment(16, 0);
    assert_int_equal(object_count, live); // all that was given, now that the peer has it
    return sent_frames - before;
}

static void test_segments_grow_and_survive_loss(void **state) {
    (void)state;
    const uint64_t gso_before = sent_gso;
    const uint64_t frames = transfer(0);
    assert_true(sent_gso > gso_before);
    assert_true(frames < STREAM_BYTES / MSS / 2); // small ones while the window opens
    for (unsigned percent = 1; percent <= 16; percent *= 2)
        (void)transfer(percent);
}

// A path that loses the tail of each burst: lwIP sends a large segment again from its first byte, so that the same tail
// would be lost each time, until the connection is given up. What the peer has is left out, and each burst gets further.
static void test_path_that_loses_each_tail(void **state) {
    (void)state;
    const uint64_t resets = peer_resets;
    for (path_frames = 40; path_frames > 0; path_frames -= path_frames > 5 ? 5 : 1)
        (void)transfer(0);
    path_frames = path_room = UINT32_MAX;
    assert_int_equal(peer_resets, resets);
}

// The same for bytes that are not copied: the address sanitizer sees an object that is freed before its last segment is
// sent.
static void test_given_bytes_survive_loss(void **state) {
    gives = true;
    test_segments_grow_and_survive_loss(state);
    test_path_that_loses_each_tail(state);
    gives = false;
}

// Whatever ends a connection frees what was given to it; an object that cannot be sent is freed at once.
static void test_given_objects_end_with_their_connection(void **state) {
    (void)state;
    const int live = object_count;
    connect_peer();
    assert_int_equal(socket_give(0, listener, xheap_alloc(10), 0, 10), -ESTALE);
    assert_int_equal(socket_give(1, connection, xheap_alloc(10), 0, 10), -ESTALE);
    assert_int_equal(socket_give(0, connection, xheap_alloc(10), 0, 11), -EINVAL);
    assert_int_equal(socket_give(0, connection, xheap_alloc(10), 11, 0), -EINVAL);
    assert_int_equal(socket_give(0, connection, xheap_alloc(10), UINT32_MAX, 2), -EINVAL);
    assert_int_equal(socket_give(0, connection, xheap_alloc(10), 10, 0), -EINVAL);
    assert_int_equal(object_count, live);
    loss_percent = 100;
    uint32_t objects = 0;
    while (socket_give(0, connection, object_with(objects * 65000, 65000, 0), 0, 65000) == 65000)
        objects++;
    assert_in_range(objects, 1, CONFIG_NET_SEND_BUFFER_KIB / 64);
    assert_int_equal(object_count, live + (int)objects + 1); // the last one is queued in part
    sockets_output();
    // The application closes what is not all queued: the peer must not take it for the whole.
    const uint64_t resets = peer_resets;
    loss_percent = 0;
    const struct net_send close = { .socket = connection, .close = 1 };
    assert_int_equal(socket_send(0, &close, NULL), 0);
    (void)link_flush();
    assert_int_equal(peer_resets, resets + 1);
    assert_int_equal(object_count, live);
    // The peer resets.
    connect_peer();
    assert_int_equal(socket_give(0, connection, object_with(0, 4000, 0), 0, 4000), 4000);
    loss_percent = 100;
    sockets_output();
    assert_int_equal(object_count, live + 1);
    peer_segment(4, 0);
    assert_int_equal(object_count, live);
    (void)collect();
    // The application closes, and lwIP finishes alone: the object goes with the acknowledgement.
    connect_peer();
    assert_int_equal(socket_give(0, connection, object_with(0, 4000, 0), 0, 4000), 4000);
    has_fin = false;
    const struct net_send last = { .socket = connection, .close = 1 };
    assert_int_equal(socket_send(0, &last, NULL), 0);
    (void)link_flush();
    assert_true(has_fin);
    assert_int_equal(object_count, live + 1);
    peer_expected++;
    peer_segment(17, 0);
    assert_int_equal(object_count, live);
}

// The end of the connection rides on the last segment, all of whose payload has arrived: it alone comes again.
static void test_end_is_sent_again_alone(void **state) {
    (void)state;
    (void)transfer(0);
    peer_first = peer_expected;
    is_fin_lost = true;
    has_fin = false;
    const struct net_send last = { .socket = connection, .bytes = 30000, .close = 1 };
    assert_int_equal(socket_send(0, &last, stream), 30000);
    (void)link_flush();
    assert_int_equal(peer_expected - peer_first, 30000);
    peer_segment(16, 0);
    is_fin_lost = false;
    for (int i = 0; i < 100 && !has_fin; i++)
        time_pass(250);
    assert_true(has_fin);
    peer_expected++;
    peer_segment(17, 0);
}

// A connection whose bytes come one by one and are not fetched fills its share, and leaves the others' to them. What it
// was refused comes again; and its end does not take what waits.
static void test_connection_keeps_to_its_share(void **state) {
    (void)state;
    while (collect() > 0)
        free_passed();
    const int live = object_count;
    connect_peer();
    const net_socket_t slow = connection;
    const uint32_t slow_first = peer_sequence;
    const uint64_t dropped = link_counters.dropped_in;
    for (int i = 0; i < CONFIG_NET_RX_FRAMES_MAX + 10; i++, peer_sequence++)
        peer_segment(24, 1);
    assert_int_equal(link_counters.dropped_in, dropped + CONFIG_NET_RX_FRAMES_MAX + 10 - FLOW_FRAMES_MAX);
    assert_int_equal(object_count, live + FLOW_FRAMES_MAX);
    const uint16_t slow_port = peer_port;
    const uint32_t slow_expected = peer_expected;

    peer_port++;
    peer_is_open = false;
    peer_segment(2, 0);
    peer_sequence++;
    peer_segment(16, 0);
    peer_segment(24, 100);
    assert_int_equal(object_count, live + FLOW_FRAMES_MAX + 1);
    peer_sequence += 100;
    uint32_t got = 0, others = 0, count;
    while ((count = collect()) > 0) {
        for (uint32_t i = 0; i < count; i++) {
            got += events[i].kind == NET_RECEIVED && events[i].socket == slow ? events[i].bytes : 0;
            others += events[i].kind == NET_RECEIVED && events[i].socket != slow ? events[i].bytes : 0;
        }
        free_passed();
    }
    assert_int_equal(got, FLOW_FRAMES_MAX);
    assert_int_equal(others, 100);
    assert_int_equal(object_count, live);
    peer_segment(20, 0); // a reset

    // The slow one goes on where it was refused, and ends with frames that wait.
    peer_port = slow_port;
    peer_expected = slow_expected;
    peer_sequence = slow_first + FLOW_FRAMES_MAX;
    for (int i = 0; i < 3; i++, peer_sequence++)
        peer_segment(24, 1);
    peer_sequence += 10; // behind a gap: waits in lwIP
    peer_segment(24, 1);
    assert_int_equal(object_count, live + 4);
    peer_sequence -= 10;
    peer_segment(20, 0);
    assert_int_equal(object_count, live + 3);
    for (got = 0; (count = collect()) > 0; free_passed())
        for (uint32_t i = 0; i < count; i++)
            got += events[i].bytes;
    assert_int_equal(got, 3);
    assert_int_equal(object_count, live);
    peer_port++; // of the other one
}

// Frames that are almost right, and descriptors that are almost true. Afterwards a new peer is served, and nothing is
// lost.
static void test_garbled_frames(void **state) {
    (void)state;
    const uint32_t rounds = 300000;
    (void)collect();
    free_passed();
    const int live = object_count, datagrams = socket_bind(0, PORT); // where segments arrive whose protocol was changed
    assert_true(datagrams > 0);
    for (uint32_t round = 0; round < rounds; round++) {
        if (round % 200 == 0) {
            if (round > 0)
                peer_segment(4, 0);
            while (collect() > 0)
                free_passed();
            connect_peer();
        }
        const uint32_t payload = random_below(4) == 0 ? random_below(60000) : random_below(200);
        const uint8_t flags = random_below(8) == 0 ? (uint8_t)random_next() & ~6 : 24;
        uint32_t bytes = segment(flags, payload);
        for (uint32_t changes = random_below(4); changes > 0; changes--)
            out[random_below(2) == 0 ? random_below(54) : random_below(bytes)] = (uint8_t)random_next();
        if (random_below(8) == 0)
            bytes = 1 + random_below(bytes);
        if (random_below(8) == 0)
            put16(out + 16, random_below(bytes + 20));
        if (random_below(16) == 0) {
            out[23] = 17; // UDP
            put16(out + 38, random_below(bytes + 20));
        }
        if (random_below(2) == 0)
            sum_header(); // else most of what was changed there ends at the checksum
        struct netdev_frame *frame = offer(out, bytes);
        if (payload > MSS) {
            frame->gso_type = NETDEV_GSO_TCPV4;
            frame->gso_bytes = MSS;
            frame->header_bytes = 54;
        }
        if (random_below(4) == 0)
            ((uint8_t *)frame)[4 + random_below(sizeof(*frame) - 4)] = (uint8_t)random_next(); // all but the object
        receive();
        const uint32_t count = collect();
        for (uint32_t i = 0; i < count; i++)
            if (events[i].bytes > 0)
                assert_true(events[i].offset + (uint64_t)events[i].bytes <= xheap_room(passed[events[i].object]));
        free_passed();
        if (random_below(64) == 0)
            time_pass(250);
        peer_sequence += random_below(3) == 0 ? payload : 0;
    }
    for (int i = 0; i < 100000 && object_count > live; i++) { // time-outs end what the garbled peers left
        time_pass(250);
        if (collect() > 0)
            free_passed();
    }
    assert_int_equal(object_count, live);
    const struct net_send close = { .socket = (net_socket_t)datagrams, .close = 1 };
    assert_int_equal(socket_send(0, &close, NULL), 0);
    assert_true(transfer(0) > 0);
}

// A datagram of the peer's for port 9 in out; told: the length in its own header.
static void datagram(uint32_t bytes, uint32_t told) {
    (void)segment(0, 0);
    out[23] = 17;
    put16(out + 16, 28 + bytes);
    sum_header();
    put16(out + 36, 9);
    put16(out + 38, told);
    put16(out + 40, 0);
}

static void test_datagrams(void **state) {
    (void)state;
    const int handle = socket_bind(0, 9);
    assert_true(handle > 0);
    assert_int_equal(socket_bind(0, 0), -EINVAL);
    const int live = object_count;
    for (uint32_t i = 0; i < 2 * CONFIG_NET_DATAGRAMS_MAX; i++) {
        datagram(5, i % 3 == 0 ? 8 : 13);
        offer(out, 47);
        receive();
    }
    uint32_t count = 0, got;
    while ((got = collect()) > 0) {
        for (uint32_t i = 0; i < got; i++) {
            assert_int_equal(events[i].kind, NET_DATAGRAM);
            assert_int_equal(events[i].socket, handle);
            assert_true(events[i].bytes == 5 || (events[i].bytes == 0 && events[i].object == GIVE_MAX));
        }
        count += got;
        free_passed();
    }
    assert_int_equal(count, CONFIG_NET_DATAGRAMS_MAX);
    assert_int_equal(object_count, live);
    // A driver that calls a datagram merged segments, so that it may be longer than a frame; and a short one.
    static const uint32_t merged[] = { 60000, NET_DATAGRAM_MAX + 1, 100 };
    for (size_t i = 0; i < sizeof(merged) / sizeof(merged[0]); i++) {
        const uint64_t dropped = link_counters.dropped_in;
        memset(out, 0, sizeof(out));
        datagram(merged[i], 8 + merged[i]);
        struct netdev_frame *frame = offer(out, 42 + merged[i]);
        frame->gso_type = NETDEV_GSO_TCPV4;
        frame->gso_bytes = MSS;
        frame->header_bytes = 54;
        receive();
        assert_int_equal(link_counters.dropped_in, dropped + 1);
        assert_int_equal(collect(), 0);
        assert_int_equal(object_count, live);
    }
    struct net_send send = { .socket = (net_socket_t)handle, .bytes = NET_DATAGRAM_MAX, .address = { 10, 7, 0, 1 }, .port = 5 };
    assert_int_equal(socket_send(0, &send, stream), NET_DATAGRAM_MAX);
    assert_int_equal(socket_send(1, &send, stream), -ESTALE); // another thread
    send.bytes++;
    assert_int_equal(socket_send(0, &send, stream), -EMSGSIZE);
    send = (struct net_send){ .socket = (net_socket_t)handle, .close = 1 };
    assert_int_equal(socket_send(0, &send, stream), 0);
    assert_int_equal(socket_send(0, &send, stream), -ESTALE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merged_segments_arrive_in_their_object),
        cmocka_unit_test(test_frames_outlive_their_driver),
        cmocka_unit_test(test_lies_of_the_driver),
        cmocka_unit_test(test_segments_grow_and_survive_loss),
        cmocka_unit_test(test_path_that_loses_each_tail),
        cmocka_unit_test(test_end_is_sent_again_alone),
        cmocka_unit_test(test_connection_keeps_to_its_share),
        cmocka_unit_test(test_datagrams),
        cmocka_unit_test(test_garbled_frames),
        cmocka_unit_test(test_given_bytes_survive_loss),
        cmocka_unit_test(test_given_objects_end_with_their_connection),
    };
    const struct CMUnitTest before[] = {
        cmocka_unit_test(test_no_link_with_an_event_that_is_none),
        cmocka_unit_test(test_no_start_with_a_dead_driver),
    };
    const int failed = cmocka_run_group_tests_name("net without a link", before, NULL, NULL);
    return failed + cmocka_run_group_tests_name("net", tests, set_up, NULL);
}
