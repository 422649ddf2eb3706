/* bench_split.c - what splitting a large component costs in quality and saves in time, beside
 * igraph on the whole.
 *
 *     bench_split [ACCOUNTS [SHARE_NEAR [ROUNDS...]]]
 *
 * Things of 2 to 60 users; of the users so many per mille are drawn from one neighbourhood of 60
 * accounts, the others from everybody. Up to five users are linked pairwise, more by the thing as a
 * node. One line for each number of rounds: objective and processor seconds, ours and igraph's.
 * igraph takes 270 bytes a link.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/random.h"
#include "ringscope/detect.h"

#define NEAR      60
#define USERS_MAX 60
#define PAIRS_MAX 5

struct links {
    uint32_t node_count;
    size_t count;
    size_t room;
    uint64_t *pair; /* a << 32 | b, a < b */
};

static void *require(void *memory)
{
    if (memory == NULL) {
        fprintf(stderr, "bench_split: out of memory\n");
        exit(1);
    }
    return memory;
}

static void add(struct links *links, uint32_t x, uint32_t y)
{
    uint64_t a = x < y ? x : y;
    uint64_t b = x < y ? y : x;
    if (links->count == links->room) {
        links->room = 2 * links->room + 1024;
        links->pair = require(realloc(links->pair, links->room * sizeof *links->pair));
    }
    if (a != b) {
        links->pair[links->count++] = a << 32 | b;
    }
}

/* Two things in three have two users; sizes have a heavy tail. */
static uint32_t draw_size(rsi_random *random)
{
    uint32_t size = 2;
    while (size < USERS_MAX && rsi_random_below(random, size + 1) >= 2) {
        size++;
    }
    return size;
}

static void draw_thing(struct links *links, rsi_random *random, uint32_t accounts, uint32_t near)
{
    uint32_t user[USERS_MAX];
    uint32_t size = draw_size(random);
    uint32_t home = rsi_random_below(random, accounts / NEAR) * NEAR;
    for (uint32_t i = 0; i < size; i++) {
        bool here = rsi_random_chance(random, near);
        user[i] = here ? home + rsi_random_below(random, NEAR) : rsi_random_below(random, accounts);
    }
    for (uint32_t i = 0; i < size; i++) {
        for (uint32_t j = 0; size <= PAIRS_MAX && j < i; j++) {
            add(links, user[i], user[j]);
        }
        if (size > PAIRS_MAX) {
            add(links, user[i], links->node_count);
        }
    }
    links->node_count += size > PAIRS_MAX;
}

static int by_value(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x;
    uint64_t b = *(const uint64_t *)y;
    return (a > b) - (a < b);
}

/* Nodes in the order of a permutation: a store's have none either. */
static rs_link_graph draw_graph(uint32_t accounts, uint32_t near)
{
    struct links links = {.node_count = accounts};
    rsi_random random;
    rsi_permutation names;
    rsi_random_seed(&random, 1, accounts);
    for (uint32_t t = 0; t < accounts; t++) {
        draw_thing(&links, &random, accounts, near);
    }
    rsi_permutation_make(&names, links.node_count, 1);
    for (size_t k = 0; k < links.count; k++) {
        uint64_t a = rsi_permute(&names, links.pair[k] >> 32);
        uint64_t b = rsi_permute(&names, links.pair[k] & UINT32_MAX);
        links.pair[k] = a < b ? a << 32 | b : b << 32 | a;
    }
    qsort(links.pair, links.count, sizeof *links.pair, by_value);
    uint32_t *a = require(malloc(links.count * sizeof *a));
    uint32_t *b = require(malloc(links.count * sizeof *b));
    uint32_t *weight = require(calloc(links.count, sizeof *weight));
    uint8_t *is_member = require(calloc(links.node_count, 1));
    size_t count = 0;
    for (uint32_t v = 0; v < accounts; v++) {
        is_member[rsi_permute(&names, v)] = 1;
    }
    for (size_t k = 0; k < links.count; k++) {
        count -= k > 0 && links.pair[k] == links.pair[k - 1];
        a[count] = (uint32_t)(links.pair[k] >> 32);
        b[count] = (uint32_t)links.pair[k];
        weight[count] += RS_WEIGHT_ONE / (is_member[a[count]] && is_member[b[count]] ? 1 : 2);
        count++;
    }
    free(links.pair);
    return (rs_link_graph){links.node_count, is_member, count, a, b, weight};
}

static double objective(const rs_link_graph *graph, uint32_t resolution, const uint32_t *label)
{
    double sum = 0;
    uint32_t *size = require(calloc(graph->node_count, sizeof *size));
    for (uint32_t v = 0; v < graph->node_count; v++) {
        sum -= graph->is_member[v] ? (double)resolution * size[label[v]]++ : 0;
    }
    for (size_t k = 0; k < graph->link_count; k++) {
        sum += label[graph->a[k]] == label[graph->b[k]] ? graph->weight[k] : 0;
    }
    free(size);
    return sum / RS_WEIGHT_ONE;
}

static double seconds(void)
{
    double sum = 0;
    struct rusage usage;
    const int whose[] = {RUSAGE_SELF, RUSAGE_CHILDREN};
    for (int i = 0; i < 2; i++) {
        getrusage(whose[i], &usage);
        sum += (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6;
    }
    return sum;
}

static double detect(const rs_link_graph *graph, const rs_detect_options *options, uint32_t *label)
{
    rs_error err = {0};
    rs_detect_counts counts;
    rs_work work = {.threads = 1};
    double start = seconds();
    if (rs_detect(graph, options, &work, label, &counts, &err) != RS_OK) {
        fprintf(stderr, "bench_split: %s\n", err.message);
        exit(1);
    }
    return seconds() - start;
}

int main(int argc, char **argv)
{
    uint32_t accounts = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 80000;
    uint32_t near = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 800;
    unsigned usual[] = {1, 2, 6};
    int count = argc > 3 ? argc - 3 : 3;
    rs_link_graph graph = draw_graph(accounts < NEAR ? NEAR : accounts, near);
    uint32_t *label = require(malloc(graph.node_count * sizeof *label));
    printf("%zu links, %u nodes\n", graph.link_count, graph.node_count);
    for (int i = 0; i < count; i++) {
        rs_detect_options options = RS_DETECT_DEFAULTS;
        options.rounds = argc > 3 ? (unsigned)strtoul(argv[i + 3], NULL, 10) : usual[i];
        double our_time = detect(&graph, &options, label);
        double ours = objective(&graph, options.resolution, label);
        options.component_max = UINT32_MAX;
        double their_time = detect(&graph, &options, label);
        double theirs = objective(&graph, options.resolution, label);
        printf("%u rounds: split %.0f in %.2f s, igraph %.0f in %.2f s: %.2f %%\n", options.rounds,
               ours, our_time, theirs, their_time, 100 * ours / theirs);
    }
    return 0;
}
