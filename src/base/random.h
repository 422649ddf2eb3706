/* random.h - random numbers that are the same on every machine: integers only, seeded, no state but
 * the caller's.
 *
 * xoshiro256** (Blackman, Vigna 2018) seeded by splitmix64; one generator per stream, so that what
 * one stream draws never moves another. Cost: about a nanosecond a number.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_BASE_RANDOM_H
#define RSI_BASE_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

typedef struct rsi_random {
    uint64_t state[4];
} rsi_random;

/* Start the stream named by (seed, stream); equal names give equal numbers. */
void rsi_random_seed(rsi_random *random, uint64_t seed, uint64_t stream);
uint64_t rsi_random_next(rsi_random *random);
/* Uniform in 0 .. bound-1, without bias; bound > 0. */
uint32_t rsi_random_below(rsi_random *random, uint32_t bound);
/* Uniform in low .. high, both included. */
uint32_t rsi_random_between(rsi_random *random, uint32_t low, uint32_t high);
/* True `per_mille` times in a thousand. */
bool rsi_random_chance(rsi_random *random, uint32_t per_mille);

/* A bijection of 64-bit numbers that looks random (one step of splitmix64). */
static inline uint64_t rsi_mix64(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* A random order of 0 .. count-1 that needs no table: a Feistel network over the next power of
 * four, walked until it falls inside. A bijection, with its inverse. */
typedef struct rsi_permutation {
    uint64_t count;
    unsigned half_bits;
    uint64_t keys[4];
} rsi_permutation;

void rsi_permutation_make(rsi_permutation *permutation, uint64_t count, uint64_t key);
uint64_t rsi_permute(const rsi_permutation *permutation, uint64_t x);
uint64_t rsi_permute_back(const rsi_permutation *permutation, uint64_t x);

#endif
