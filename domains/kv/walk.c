// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// walk.c - see walk.h.
#include "string.h"
#include "walk.h"

void walk_open(struct walk *walk, struct dict_entry *key) { *walk = (struct walk){.key = key}; }

static bool next_item(struct walk *walk, const struct deque *deque, struct element *element) {
    walk->item = walk->started ? deque_step(walk->item, false) : deque_seek(deque, 0);
    const struct deque_item *item = deque_at(walk->item);
    if (item)
        *element = (struct element){.name = item->bytes, .name_bytes = item->length};
    return item != NULL;
}

bool walk_next(struct walk *walk, struct element *element) {
    struct dict_entry *key = walk->key;
    bool found = !walk->started;
    switch ((enum type)key->type) {
    case TYPE_STRING:
        *element = (struct element){.name = dict_value(key), .name_bytes = key->value_bytes};
        break;
    case TYPE_LIST:
        found = next_item(walk, store_object(key), element);
        break;
    case TYPE_STREAM:
        found = next_item(walk, &((struct stream *)store_object(key))->entries, element);
        break;
    case TYPE_ZSET:
        walk->node = (walk->started ? walk->node : ((struct sorted *)store_object(key))->head)->links[0].next;
        found = walk->node != NULL;
        if (found)
            *element = (struct element){.name = walk->node->entry->bytes, .name_bytes = walk->node->entry->key_bytes,
                                        .score = walk->node->score};
        break;
    default:
        walk->member = dict_next(store_object(key), &walk->place, walk->member);
        found = walk->member != NULL;
        if (found)
            *element = (struct element){.name = walk->member->bytes, .name_bytes = walk->member->key_bytes,
                                        .value = dict_value(walk->member), .value_bytes = walk->member->value_bytes};
    }
    walk->started = true;
    return found;
}

int walk_restore(struct store *store, const char *key, size_t key_bytes, enum type type) {
    store_delete(store, key, key_bytes);
    if (type == TYPE_STRING)
        return store_set(store, key, key_bytes, "", 0);
    return store_create(store, key, key_bytes, type) ? 0 : -ENOMEM;
}

int walk_add(struct store *store, const char *key, size_t key_bytes, const struct element *element) {
    struct dict_entry *entry = store_find(store, key, key_bytes);
    if (!entry || entry->type == TYPE_STRING)
        return store_set(store, key, key_bytes, element->name, element->name_bytes);
    void *object = store_object(entry);
    if (entry->type == TYPE_LIST)
        return deque_push(object, false, element->name, element->name_bytes) ? 0 : -ENOMEM;
    if (entry->type == TYPE_ZSET)
        return sorted_set(object, element->name, element->name_bytes, element->score) ? 0 : -ENOMEM;
    if (entry->type != TYPE_STREAM) {
        struct dict_slot slot = dict_find(object, element->name, element->name_bytes);
        const char *value = element->value ? element->value : "";
        return dict_put(object, slot, element->name, element->name_bytes, value, element->value_bytes) ? 0 : -ENOMEM;
    }
    struct stream *stream = object;
    if (element->name_bytes < 2 * sizeof(uint64_t) || !deque_push(&stream->entries, false, element->name, element->name_bytes))
        return -ENOMEM;
    memcpy(&stream->last_ms, element->name, sizeof(uint64_t));
    memcpy(&stream->last_sequence, element->name + sizeof(uint64_t), sizeof(uint64_t));
    return 0;
}
