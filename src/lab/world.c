/* world.c - lay out the population: shops, rings, look-alike groups, everyone else, and what each
 * shares.
 *
 * Shares and sizes stand in two tables here; habits (who uses what how often) in habits.c.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "lab/world.h"

#include <stdlib.h>
#include <string.h>

#include "base/try.h"

/* Per mille of all accounts; sizes are uniform between the two. `skew` halves the size that many
 * times with even chance, so that small groups are common. */
static const struct plan {
    rs_lookalike lookalike;
    uint16_t share, size_min, size_max, skew;
} plans[] = {
    {RS_LOOKALIKE_CARRIER, 80, 300, 3000, 0},    {RS_LOOKALIKE_FAMILY, 340, 2, 6, 1},
    {RS_LOOKALIKE_OFFICE, 90, 10, 80, 1},        {RS_LOOKALIKE_CAFE, 12, 40, 400, 1},
    {RS_LOOKALIKE_PAYROLL, 50, 12, 150, 1},      {RS_LOOKALIKE_CREW, 30, 5, 20, 0},
    {RS_LOOKALIKE_SAVINGS_CIRCLE, 25, 5, 14, 0}, {RS_LOOKALIKE_FLASH_SALE, 30, 30, 200, 1},
    {RS_LOOKALIKE_MARKETPLACE, 6, 5, 16, 0},     {RS_LOOKALIKE_DORM, 30, 20, 90, 0},
    {RS_LOOKALIKE_SECOND_HAND, 30, 2, 3, 0},     {RS_LOOKALIKE_CARER, 12, 3, 6, 0},
    {RS_LOOKALIKE_CLUB, 20, 8, 30, 0},
};
#define PLAN_COUNT (sizeof plans / sizeof plans[0])

static const uint32_t ring_sizes[] = {4,  5,  6,  7,  8,  9,  10, 11, 12,
                                      14, 16, 18, 20, 23, 27, 33, 42, 60};
#define RING_SIZE_COUNT ((uint32_t)(sizeof ring_sizes / sizeof ring_sizes[0]))

bool rsi_is_eligible(const rsi_world *world, uint32_t account, uint32_t per_mille)
{
    return rsi_draw(world, RSI_KEY_ELIGIBLE, account, 0) % 1000 < per_mille;
}

static rsi_group *add_group(rsi_world *world, size_t *capacity)
{
    if (world->group_count == *capacity) {
        size_t wanted = *capacity == 0 ? 256 : *capacity * 2;
        rsi_group *grown = realloc(world->groups, wanted * sizeof *grown);
        if (grown == NULL) {
            return NULL;
        }
        world->groups = grown;
        *capacity = wanted;
    }
    rsi_group *group = &world->groups[world->group_count++];
    *group = (rsi_group){0};
    return group;
}

static void take(uint32_t *first, uint32_t *count, uint32_t *total, uint32_t wanted)
{
    *first = *total;
    *count = wanted;
    *total += wanted;
}

/* Shared things of a look-alike: devices, places, cards by its size. */
static void furnish_lookalike(rsi_world *world, rsi_group *g, rsi_random *random)
{
    uint32_t devices = 0, places = 0, cards = 0;
    switch (g->lookalike) {
    case RS_LOOKALIKE_FAMILY:
        devices = rsi_random_between(random, 0, 2);
        places = 1;
        cards = rsi_random_chance(random, 450) ? 1 : 0;
        break;
    case RS_LOOKALIKE_OFFICE:
        devices = rsi_random_chance(random, 400) ? 1 + g->size / 20 : 0;
        places = 1;
        cards = rsi_random_chance(random, 150) ? 1 : 0;
        break;
    case RS_LOOKALIKE_CAFE:
        devices = 2 + g->size / 90;
        places = 1;
        break;
    case RS_LOOKALIKE_CARRIER:
        places = 1 + g->size / 1500;
        break;
    case RS_LOOKALIKE_CREW:
        devices = 1 + g->size / 6;
        places = 1;
        break;
    case RS_LOOKALIKE_DORM:
        devices = g->size / 10;
        places = 1 + g->size / 40;
        break;
    case RS_LOOKALIKE_CARER:
        devices = 1;
        cards = 1;
        break;
    case RS_LOOKALIKE_CLUB:
        places = 1;
        devices = rsi_random_chance(random, 300) ? 1 : 0;
        break;
    case RS_LOOKALIKE_SHOP:
    case RS_LOOKALIKE_PAYROLL:
    case RS_LOOKALIKE_SAVINGS_CIRCLE:
    case RS_LOOKALIKE_FLASH_SALE:
    case RS_LOOKALIKE_MARKETPLACE:
    case RS_LOOKALIKE_SECOND_HAND:
        break;
    }
    take(&g->device_first, &g->device_count, &world->shared_device_count, devices);
    take(&g->place_first, &g->place_count, &world->shared_place_count, places);
    take(&g->card_first, &g->card_count, &world->shared_card_count, cards);
}

static void furnish_ring(rsi_world *world, rsi_group *g)
{
    uint32_t devices = 0, places = 0, cards = 0;
    bool farm = g->kind == RS_RING_DEVICE_FARM;
    if (g->hiding == RS_HIDING_OPEN) {
        devices = farm ? 1 + g->size / 8 : 1 + g->size / 5;
        places = 1 + g->size / 20;
        cards = 1 + g->size / 4;
    } else if (g->hiding == RS_HIDING_MIXED) {
        devices = farm ? 1 + g->size / 4 : 1 + g->size / 6;
        places = 2;
        cards = g->size / 5;
    } else {
        devices = farm ? (g->size + 1) / 2 : 1;
        places = 1;
    }
    if (g->kind == RS_RING_BUST_OUT) {
        cards = 2 * g->size; /* card i: members i and i + 1; size + i: i and i + 3 */
    }
    take(&g->device_first, &g->device_count, &world->shared_device_count, devices);
    take(&g->place_first, &g->place_count, &world->shared_place_count, places);
    take(&g->card_first, &g->card_count, &world->shared_card_count, cards);
}

static rs_ring_kind nth_kind(uint32_t mask, uint32_t n)
{
    uint32_t set = 0;
    for (uint32_t k = 0; k < RS_RING_KIND_COUNT; k++) {
        set += mask >> k & 1;
    }
    n %= set;
    for (uint32_t k = 0;; k++) {
        if ((mask >> k & 1) != 0 && n-- == 0) {
            return (rs_ring_kind)k;
        }
    }
}

static rs_hiding nth_hiding(const uint32_t *weights, uint32_t n)
{
    uint32_t total = weights[0] + weights[1] + weights[2];
    n %= total;
    uint32_t h = 0;
    while (n >= weights[h]) {
        n -= weights[h++];
    }
    return (rs_hiding)h;
}

static uint32_t kind_count(uint32_t mask)
{
    uint32_t set = 0;
    for (; mask != 0; mask &= mask - 1) {
        set++;
    }
    return set;
}

/* Sizes are dealt like cards from a shuffled table, so that a small set has small and large ones
 * too. */
static rs_status plan_rings(rsi_world *world, uint32_t *next, uint32_t accounts, size_t *capacity,
                            rs_error *err)
{
    const rs_generate_options *o = &world->options;
    rsi_permutation deck;
    rsi_permutation_make(&deck, RING_SIZE_COUNT, o->seed ^ 0x51e5);
    uint32_t kinds = kind_count(o->ring_kinds);
    for (uint32_t left = accounts, r = 0; left >= 4; r++) {
        uint32_t size = ring_sizes[rsi_permute(&deck, r % RING_SIZE_COUNT)];
        if (size > left || left - size < 4) {
            size = left <= 60 ? left : left - 4;
        }
        rsi_group *g = add_group(world, capacity);
        if (g == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%u groups)", world->group_count);
        }
        g->ring = true;
        g->first = *next;
        g->size = size;
        g->number = r + 1;
        g->kind = nth_kind(o->ring_kinds, r);
        g->hiding = nth_hiding(o->hiding_weights, r / kinds + r % kinds);
        furnish_ring(world, g);
        *next += size;
        left -= size;
        world->ring_count++;
        world->ring_account_count += size;
    }
    return RS_OK;
}

static uint32_t lookalike_size(const struct plan *plan, uint32_t left, rsi_random *random)
{
    uint32_t high = plan->size_max;
    for (uint32_t i = 0; i < plan->skew; i++) {
        if (rsi_random_chance(random, 500) && high / 2 > plan->size_min) {
            high /= 2;
        }
    }
    uint32_t size = rsi_random_between(random, plan->size_min, high);
    return size < left ? size : left;
}

static rs_status plan_lookalike(rsi_world *world, const struct plan *plan, uint32_t *next,
                                size_t *capacity, rs_error *err)
{
    uint32_t ordinary = world->account_count - world->shop_count - world->ring_account_count;
    uint32_t left = (uint32_t)((uint64_t)ordinary * plan->share / 1000);
    rsi_random random;
    rsi_random_seed(&random, world->options.seed, 0x7000 + (uint64_t)plan->lookalike);
    if (plan->lookalike == RS_LOOKALIKE_CARRIER) {
        world->carrier_first = world->group_count;
    }
    for (uint32_t n = 1; left >= plan->size_min || (n == 1 && left >= 8); n++) {
        rsi_group *g = add_group(world, capacity);
        if (g == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%u groups)", world->group_count);
        }
        g->lookalike = plan->lookalike;
        g->first = *next;
        g->size = lookalike_size(plan, left, &random);
        g->number = n;
        furnish_lookalike(world, g, &random);
        *next += g->size;
        left -= g->size;
    }
    if (plan->lookalike == RS_LOOKALIKE_CARRIER) {
        world->carrier_count = world->group_count - world->carrier_first;
    }
    return RS_OK;
}

static uint32_t world_mask(const rs_generate_options *options)
{
    uint32_t first = (1u << RS_LOOKALIKE_CREW) - 1;
    uint32_t all = (1u << RS_LOOKALIKE_COUNT) - 1;
    return options->lookalikes != 0 ? options->lookalikes : options->world == 1 ? first : all;
}

static void fill_options(rs_generate_options *o)
{
    if (o->ring_kinds == 0) {
        o->ring_kinds = (1u << RS_RING_KIND_COUNT) - 1;
    }
    if (o->hiding_weights[0] + o->hiding_weights[1] + o->hiding_weights[2] == 0) {
        for (unsigned i = 0; i < RS_HIDING_COUNT; i++) {
            o->hiding_weights[i] = 1;
        }
    }
    o->lookalikes = world_mask(o);
}

/* Rounded once, from a decimal that a person wrote: the same on every machine. */
static uint64_t share_of(uint64_t count, double share)
{
    return (count * (uint64_t)(share * 1e6 + 0.5) + 500000) / 1000000;
}

static rs_status plan_groups(rsi_world *world, uint32_t *next, rs_error *err)
{
    rs_status status = RS_OK;
    size_t capacity = 0;
    uint32_t ring_accounts = (uint32_t)share_of(world->account_count, world->options.ring_share);
    RS_TRY(plan_rings(world, next, ring_accounts, &capacity, err));
    for (size_t i = 0; i < PLAN_COUNT; i++) {
        if ((world->options.lookalikes >> plans[i].lookalike & 1) != 0) {
            RS_TRY(plan_lookalike(world, &plans[i], next, &capacity, err));
        }
    }
done:
    return status;
}

static rs_status fill_accounts(rsi_world *world, rs_error *err)
{
    size_t count = world->account_count;
    world->group_of = malloc(count * sizeof *world->group_of);
    world->joined = malloc(count * sizeof *world->joined);
    world->number = malloc(count * sizeof *world->number);
    world->activity = malloc(count);
    if (world->group_of == NULL || world->joined == NULL || world->number == NULL ||
        world->activity == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu accounts)", count);
    }
    memset(world->group_of, 0xff, count * sizeof *world->group_of);
    for (uint32_t g = 0; g < world->group_count; g++) {
        for (uint32_t i = 0; i < world->groups[g].size; i++) {
            world->group_of[world->groups[g].first + i] = g;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        world->joined[i] = rsi_draw_join(world, i);
        world->activity[i] = rsi_draw_activity(world, i);
        world->number[i] = (uint32_t)rsi_permute(&world->names, i);
    }
    return RS_OK;
}

rs_status rsi_world_make(rsi_world *world, const rs_generate_options *options, rs_error *err)
{
    rs_status status = RS_OK;
    *world = (rsi_world){.options = *options};
    fill_options(&world->options);
    world->account_count = (uint32_t)options->account_count;
    world->shop_count = 1 + world->account_count / 125;
    for (unsigned i = 0; i < sizeof world->keys / sizeof world->keys[0]; i++) {
        world->keys[i] = rsi_mix64(rsi_mix64(options->seed) + i * 0x2545f4914f6cdd1du);
    }
    rsi_permutation_make(&world->names, world->account_count, options->seed ^ 0x1d5);
    rsi_permutation_make(&world->circles, world->account_count, options->seed ^ 0xf71e4d5);
    uint32_t next = world->shop_count;
    RS_TRY(plan_groups(world, &next, err));
    RS_TRY(fill_accounts(world, err));
done:
    if (status != RS_OK) {
        rsi_world_free(world);
    }
    return status;
}

void rsi_world_free(rsi_world *world)
{
    free(world->groups);
    free(world->group_of);
    free(world->joined);
    free(world->number);
    free(world->activity);
    *world = (rsi_world){0};
}
