/* detect.h - cut a weighted graph of subjects and things into communities.
 *
 * Components first; a component whose best cut is plain needs no igraph; the others go to igraph's
 * Leiden under the constant Potts model, side by side in forked workers, and come back in a fixed
 * order. Maximised is the sum over communities C of
 *     (weight of the links inside C) - resolution * (members of C choose 2)
 * where only subjects count as members.
 *
 * Labels depend on the graph, the options and igraph's version, on nothing else: weights are
 * fixed-point numbers whose sums are exact in doubles.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RINGSCOPE_DETECT_H
#define RINGSCOPE_DETECT_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "work.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RS_WEIGHT_ONE (UINT32_C(1) << 20) /* fixed point: 1.0 */

/* Arrays are lent. Links are undirected: a < b, ascending by (a, b), each pair once. */
typedef struct rs_link_graph {
    uint32_t node_count;
    const uint8_t *is_member; /* 1: a subject; 0: a thing, of node weight 0 */
    size_t link_count;
    const uint32_t *a;
    const uint32_t *b;
    const uint32_t *weight; /* above 0; RS_WEIGHT_ONE is 1.0 */
} rs_link_graph;

typedef struct rs_detect_options {
    uint32_t resolution;    /* RS_WEIGHT_ONE is 1.0 */
    uint32_t component_max; /* a component of more nodes is split before igraph sees it */
    unsigned rounds;        /* Leiden iterations at most, fewer if large; 0: until nothing moves */
    uint64_t random_seed;
} rs_detect_options;
#define RS_DETECT_DEFAULTS                                                                         \
    {                                                                                              \
        .resolution = RS_WEIGHT_ONE / 32, .component_max = 5000, .rounds = 6, .random_seed = 1     \
    }

typedef struct rs_detect_counts {
    uint32_t component_count; /* of two nodes and more */
    uint32_t plain_count;     /* settled without igraph */
    uint32_t leiden_count;    /* pieces that igraph cut */
    uint32_t split_count;     /* components that were over component_max */
    uint32_t largest;         /* nodes of the largest component */
    uint32_t community_count; /* of two nodes and more */
} rs_detect_counts;

/* Forks its workers: call it while no other thread of the process runs.
 * label[v] is the smallest node of v's community. `label` has node_count entries, the caller's.
 * RS_ENOMEM, RS_EIO (a worker died), RS_EINTERRUPTED. */
RS_API RS_MUST_USE rs_status rs_detect(const rs_link_graph *graph, const rs_detect_options *options,
                                       const rs_work *work, uint32_t *label,
                                       rs_detect_counts *counts, rs_error *err);

/* The same by workers that were forked before, so that other threads may run meanwhile. Start them
 * while none does; one detection at a time; after one that failed they can only be ended. Labels
 * are those of rs_detect with the same options. */
typedef struct rs_detect_crew rs_detect_crew;
RS_API RS_MUST_USE rs_status rs_detect_crew_start(rs_detect_crew **out,
                                                  const rs_detect_options *options,
                                                  const rs_work *work, rs_error *err);
RS_API void rs_detect_crew_end(rs_detect_crew *crew); /* NULL is fine */
RS_API RS_MUST_USE rs_status rs_detect_by(rs_detect_crew *crew, const rs_link_graph *graph,
                                          const rs_work *work, uint32_t *label,
                                          rs_detect_counts *counts, rs_error *err);

#define RS_HOLD_ONE   UINT32_C(1000000)
#define RS_HOLD_STEPS 4
/* How firmly nodes belong to communities: `label` is that of rs_detect at `resolution`, or a node's
 * own number for nodes of communities that are not asked for. hold[v], 0 .. RS_HOLD_ONE, is the
 * mean over the resolutions 1, 2, 4, 8 and 16 times the given one of the size of v's part, where
 * its community is cut by itself, as a share of the largest part; sizes are in subjects. 1 where
 * nothing is asked. `hold` has node_count entries, the caller's. Other threads may run. RS_ENOMEM.
 * About 3 microseconds a link inside the communities on one thread, 16 bytes a link, and 60 more of
 * the communities at hand. */
RS_API RS_MUST_USE rs_status rs_detect_hold(const rs_link_graph *graph, const uint32_t *label,
                                            uint32_t resolution, const rs_work *work,
                                            uint32_t *hold, rs_error *err);

#define RS_STEADY_AROUND    UINT32_C(300)   /* nodes around a community that are cut with it */
#define RS_STEADY_LINKS_MAX UINT32_C(50000) /* of a community and what is around it */
#define RS_STEADY_UNKNOWN   UINT32_MAX
typedef struct rs_steady_options {
    const uint32_t *communities; /* labels, each once: what is asked for */
    const uint32_t *resolutions; /* that each of them was found with */
    size_t community_count;
    uint32_t rerun_count;
    uint32_t drop; /* one link in so many is left out; 0: nothing is perturbed */
    uint64_t random_seed;
} rs_steady_options;
#define RS_STEADY_DEFAULTS                                                                         \
    {                                                                                              \
        .rerun_count = 20, .drop = 20, .random_seed = 1                                            \
    }
/* In how many reruns on perturbed links each community that is asked for comes back: one of the new
 * cut has seven tenths of the subjects of both in common with it (Jaccard index). A link is left
 * out once in `drop` times, else its weight changes by up to a tenth. A community is cut anew with
 * those that share most links with it, RS_STEADY_AROUND nodes of them or as many as it has itself.
 * came_back has community_count entries, the caller's; RS_STEADY_UNKNOWN where there are more than
 * RS_STEADY_LINKS_MAX links. Other threads may run; the answer does not depend on `work`.
 * RS_ENOMEM. .4 microseconds a link at hand and rerun on one thread, 20 ns a link of the graph. */
RS_API RS_MUST_USE rs_status rs_detect_steady(const rs_link_graph *graph, const uint32_t *label,
                                              const rs_steady_options *options, const rs_work *work,
                                              uint32_t *came_back, rs_error *err);

#define RS_FINER_STEPS 4
/* Each community cut by itself at twice the resolution, each of its parts again at four times, and
 * so on: `label` is as for rs_detect_hold, finer[k][v] the smallest node of v's part at step k of
 * RS_FINER_STEPS, which is connected. Each finer[k] has node_count entries, the caller's.
 * Other threads may run. RS_ENOMEM. Two microseconds a link inside the communities. */
RS_API RS_MUST_USE rs_status rs_detect_finer(const rs_link_graph *graph, const uint32_t *label,
                                             uint32_t resolution, const rs_work *work,
                                             uint32_t *const finer[RS_FINER_STEPS], rs_error *err);

/* Connected components: label[v] is the smallest node of v's component. O(links). */
RS_API void rs_components(const rs_link_graph *graph, uint32_t *label);

#ifdef __cplusplus
}
#endif
#endif
