/* test_idsort.c - numbering distinct ids and sorting them, against the definitions.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "store/idsort.h"

enum { IDS_MAX = 60000, BYTES_MAX = 40 };

typedef struct world {
    char bytes[IDS_MAX][BYTES_MAX];
    rsi_key keys[IDS_MAX];
    size_t lengths[IDS_MAX];
    uint32_t locals[IDS_MAX];
    rsi_shard shards[RSI_SHARD_COUNT];
    rsi_id ids[IDS_MAX];
    rsi_id other[IDS_MAX];
    size_t count; /* distinct */
} world;

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* Number what `make` makes, then list the distinct ids. */
static world *world_of(size_t keys, size_t (*make)(char *bytes, size_t i, uint64_t *random))
{
    rs_error err = {.status = RS_OK};
    world *w = calloc(1, sizeof *w);
    uint64_t random = 7;
    assert_non_null(w);
    for (size_t i = 0; i < keys; i++) {
        size_t length = make(w->bytes[i], i, &random);
        rs_text id = {.bytes = w->bytes[i], .length = length};
        w->keys[i] = rsi_key_of(id, rsi_hash64(id.bytes, length, 0));
        w->lengths[i] = length;
        rsi_key key = w->keys[i];
        uint32_t shard = (uint32_t)(key.hash >> (64 - RSI_SHARD_BITS));
        assert_int_equal(rsi_shard_number(&w->shards[shard], shard, &key, 1, &err), RS_OK);
        w->locals[i] = key.local;
    }
    for (uint32_t s = 0; s < RSI_SHARD_COUNT; s++) {
        for (uint32_t i = 0; i < w->shards[s].id_count; i++) {
            w->ids[w->count++].local = s << RSI_LOCAL_BITS | i;
        }
        assert_int_equal(rsi_shard_list(&w->shards[s], &err), RS_OK);
    }
    return w;
}

static void free_world(world *w)
{
    for (uint32_t s = 0; s < RSI_SHARD_COUNT; s++) {
        rsi_shard_free(&w->shards[s]);
    }
    free(w);
}

static int compare(rs_text a, rs_text b)
{
    size_t common = a.length < b.length ? a.length : b.length;
    int order = memcmp(a.bytes, b.bytes, common);
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

static size_t digits(char *bytes, size_t i, uint64_t *random)
{
    (void)i;
    return (size_t)snprintf(bytes, BYTES_MAX, "acc_%08u", (unsigned)(next_random(random) % 50000));
}

/* One id hides the prefix that all others share, and they differ late. */
static size_t odd_one(char *bytes, size_t i, uint64_t *random)
{
    return i == 300 ? (size_t)snprintf(bytes, BYTES_MAX, "x")
                    : (size_t)snprintf(bytes, BYTES_MAX, "customer-of-the-shop-%06u",
                                       (unsigned)(next_random(random) % 40000));
}

/* Lengths around those that are stored in place, and ids that are prefixes of one another. */
static size_t lengths(char *bytes, size_t i, uint64_t *random)
{
    size_t length = 1 + i % 20;
    for (size_t b = 0; b < length; b++) {
        bytes[b] = (char)('a' + next_random(random) % 2);
    }
    return length;
}

/* Zero bytes at the end are bytes like others. */
static size_t zeros(char *bytes, size_t i, uint64_t *random)
{
    size_t length = 1 + next_random(random) % 30;
    memset(bytes, 0, length);
    bytes[0] = (char)(i % 3);
    bytes[length / 2] = (char)(next_random(random) % 2);
    return length;
}

static size_t any_bytes(char *bytes, size_t i, uint64_t *random)
{
    size_t length = 1 + next_random(random) % 12;
    (void)i;
    for (size_t b = 0; b < length; b++) {
        bytes[b] = (char)next_random(random);
    }
    return length;
}

static const struct {
    size_t (*make)(char *bytes, size_t i, uint64_t *random);
    size_t keys;
} worlds[] = {{digits, 60000}, {digits, 5},      {odd_one, 60000},
              {odd_one, 2000}, {lengths, 60000}, {lengths, 100},
              {zeros, 20000},  {zeros, 300},     {any_bytes, 60000}};

static void gives_equal_ids_one_number(void **state)
{
    (void)state;
    for (size_t t = 0; t < sizeof worlds / sizeof *worlds; t++) {
        world *w = world_of(worlds[t].keys, worlds[t].make);
        for (size_t i = 0; i < worlds[t].keys; i++) {
            rs_text id = rsi_shard_text(w->shards, w->locals[i]);
            assert_int_equal(id.length, w->lengths[i]);
            assert_memory_equal(id.bytes, w->bytes[i], id.length);
        }
        free_world(w);
    }
}

static void numbers_keys_together_as_one_by_one(void **state)
{
    rs_error err = {.status = RS_OK};
    (void)state;
    for (size_t t = 0; t < sizeof worlds / sizeof *worlds; t++) {
        world *w = world_of(worlds[t].keys, worlds[t].make);
        rsi_shard shard = {0};
        rsi_shard once = {0};
        size_t half = worlds[t].keys / 2;
        rsi_key *keys = malloc(worlds[t].keys * sizeof *keys);
        assert_non_null(keys);
        memcpy(keys, w->keys, worlds[t].keys * sizeof *keys);
        assert_int_equal(rsi_shard_number(&shard, 3, keys, half, &err), RS_OK);
        assert_int_equal(rsi_shard_number(&shard, 3, keys + half, worlds[t].keys - half, &err),
                         RS_OK);
        for (size_t i = 0; i < worlds[t].keys; i++) {
            rsi_key key = w->keys[i];
            assert_int_equal(rsi_shard_number(&once, 3, &key, 1, &err), RS_OK);
            assert_int_equal(keys[i].local, key.local);
        }
        assert_int_equal(shard.id_count, w->count);
        assert_true(rsi_shard_bytes(&shard) >= 16 * (uint64_t)shard.id_count);
        free(keys);
        rsi_shard_free(&shard);
        rsi_shard_free(&once);
        free_world(w);
    }
}

static void sorts_as_the_definition_says(void **state)
{
    (void)state;
    for (size_t t = 0; t < sizeof worlds / sizeof *worlds; t++) {
        for (unsigned threads = 1; threads <= 3; threads += 2) {
            rs_error err = {.status = RS_OK};
            rs_work work = {.threads = threads};
            world *w = world_of(worlds[t].keys, worlds[t].make);
            assert_int_equal(rsi_ids_sort(w->ids, w->other, w->count, w->shards, &work, &err),
                             RS_OK);
            for (size_t i = 0; i < w->count; i++) {
                rs_text id = rsi_shard_text(w->shards, w->ids[i].local);
                assert_int_equal(w->ids[i].length, id.length);
                if (i > 0) {
                    rs_text last = rsi_shard_text(w->shards, w->ids[i - 1].local);
                    assert_true(compare(last, id) < 0);
                }
            }
            free_world(w);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_equal_ids_one_number),
        cmocka_unit_test(numbers_keys_together_as_one_by_one),
        cmocka_unit_test(sorts_as_the_definition_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
