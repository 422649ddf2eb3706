/* random.c - xoshiro256**, an unbiased range (Lemire 2019) and a keyed permutation (Feistel, cycle
 * walking).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/random.h"

#include <assert.h>

void rsi_random_seed(rsi_random *random, uint64_t seed, uint64_t stream)
{
    uint64_t at = rsi_mix64(seed) ^ rsi_mix64(stream ^ 0x6a09e667f3bcc909u);
    for (unsigned i = 0; i < 4; i++) {
        random->state[i] = rsi_mix64(at); /* splitmix64: its mix adds the step first */
        at += 0x9e3779b97f4a7c15u;
    }
}

static uint64_t rotate(uint64_t x, unsigned by)
{
    return (x << by) | (x >> (64 - by));
}

uint64_t rsi_random_next(rsi_random *random)
{
    uint64_t *s = random->state;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint32_t rsi_random_below(rsi_random *random, uint32_t bound)
{
    assert(bound > 0);
    uint32_t unfair = (uint32_t)(0u - bound) % bound; /* 2^32 mod bound */
    uint64_t product;
    do {
        product = (rsi_random_next(random) >> 32) * bound;
    } while ((uint32_t)product < unfair);
    return (uint32_t)(product >> 32);
}

uint32_t rsi_random_between(rsi_random *random, uint32_t low, uint32_t high)
{
    assert(low <= high && high - low < UINT32_MAX);
    return low + rsi_random_below(random, high - low + 1);
}

bool rsi_random_chance(rsi_random *random, uint32_t per_mille)
{
    return rsi_random_below(random, 1000) < per_mille;
}

void rsi_permutation_make(rsi_permutation *permutation, uint64_t count, uint64_t key)
{
    permutation->count = count;
    permutation->half_bits = 1;
    while (permutation->half_bits < 31 && (uint64_t)1 << (2 * permutation->half_bits) < count) {
        permutation->half_bits++;
    }
    for (unsigned i = 0; i < 4; i++) {
        permutation->keys[i] = rsi_mix64(key + i * 0x632be59bd9b4e019u);
    }
}

static uint64_t feistel(const rsi_permutation *p, uint64_t x, bool back)
{
    uint64_t mask = ((uint64_t)1 << p->half_bits) - 1;
    uint64_t left = x >> p->half_bits;
    uint64_t right = x & mask;
    for (unsigned round = 0; round < 4; round++) {
        if (back) {
            uint64_t old = right ^ (rsi_mix64(left ^ p->keys[3 - round]) & mask);
            right = left;
            left = old;
        } else {
            uint64_t next = left ^ (rsi_mix64(right ^ p->keys[round]) & mask);
            left = right;
            right = next;
        }
    }
    return (left << p->half_bits) | right;
}

static uint64_t walk(const rsi_permutation *p, uint64_t x, bool back)
{
    assert(x < p->count);
    do {
        x = feistel(p, x, back);
    } while (x >= p->count);
    return x;
}

uint64_t rsi_permute(const rsi_permutation *permutation, uint64_t x)
{
    return walk(permutation, x, false);
}

uint64_t rsi_permute_back(const rsi_permutation *permutation, uint64_t x)
{
    return walk(permutation, x, true);
}
