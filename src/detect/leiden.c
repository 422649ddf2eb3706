/* leiden.c - the one file that knows igraph: its error handler that aborts by default, its stack of
 * things to free, its global random generator, and its signatures of 0.10 and 1.0.
 *
 * igraph adds weight(v, C) - resolution * mass(v) * mass(C) when v joins C, which is what piece.h
 * maximises, term by term; its quality differs by a factor and a constant and is not used.
 * Weights go in as whole numbers (fixed point, below 2^53), so that its sums in doubles are exact.
 * The randomness of its refinement is exp(gain / BETA): with gains of whole numbers and BETA far
 * below one the best is always taken, and only ties are drawn; no rounding of exp() can change a
 * label.
 *
 * Source: Traag, Waltman, van Eck 2019, "From Louvain to Leiden".
 * Cost: 4 to 7 microseconds and 270 bytes a link.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/leiden.h"

#include <igraph.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/try.h"

#define BETA 0.001

#if IGRAPH_VERSION_MAJOR >= 1
typedef igraph_int_t number;
#else
typedef igraph_integer_t number;
#endif

/* igraph's process-wide settings while we run; put back afterwards. */
struct setting {
    igraph_error_handler_t *error;
    igraph_warning_handler_t *warning;
    igraph_fatal_handler_t *fatal;
    igraph_rng_t *generator; /* the default one, and what it was */
    igraph_rng_t before;
    igraph_rng_t ours;
    bool made;
};

/* igraph's own objects: all of them made, or none. */
struct input {
    igraph_vector_int_t ends;
    igraph_vector_t weight;
    igraph_vector_t mass;
    igraph_vector_int_t membership;
    igraph_t graph;
    unsigned made; /* how many of them exist, in this order */
};

/* What igraph says when it finds itself broken goes to nobody: the process ends and its caller
 * tells. */
static void broken(const char *reason, const char *file, int line)
{
    (void)reason;
    (void)file;
    (void)line;
    abort();
}

static rs_status from_igraph(igraph_error_t code, const char *what, rs_error *err)
{
    if (code == IGRAPH_SUCCESS) {
        return RS_OK;
    }
    if (code == IGRAPH_ENOMEM) {
        return rs_fail(err, RS_ENOMEM, "out of memory (igraph: %s)", what);
    }
    return rs_fail(err, RS_EIO, "igraph %s failed: %s", what, igraph_strerror(code));
}

static rs_status enter(struct setting *setting, uint64_t seed, rs_error *err)
{
#if IGRAPH_VERSION_MAJOR >= 1
    (void)igraph_setup();
#endif
    setting->error = igraph_set_error_handler(igraph_error_handler_ignore);
    setting->warning = igraph_set_warning_handler(igraph_warning_handler_ignore);
    setting->fatal = igraph_set_fatal_handler(broken);
    setting->generator = igraph_rng_default();
    setting->before = *setting->generator;
    rs_status status =
        from_igraph(igraph_rng_init(&setting->ours, &igraph_rngtype_pcg32), "generator", err);
    if (status == RS_OK) {
        setting->made = true;
        status = from_igraph(igraph_rng_seed(&setting->ours, (igraph_uint_t)seed), "seed", err);
        /* Only now: 0.10 takes a copy, and a copy that was not seeded is seeded with the time. */
        igraph_rng_set_default(&setting->ours);
    }
    return status;
}

static void leave(struct setting *setting)
{
    if (setting->made) {
        bool copied = igraph_rng_default() != &setting->ours;
        igraph_rng_set_default(copied ? &setting->before : setting->generator);
        igraph_rng_destroy(&setting->ours);
    }
    igraph_set_fatal_handler(setting->fatal);
    igraph_set_warning_handler(setting->warning);
    igraph_set_error_handler(setting->error);
}

static void input_free(struct input *input)
{
    if (input->made > 4) {
        igraph_destroy(&input->graph);
    }
    if (input->made > 3) {
        igraph_vector_int_destroy(&input->membership);
    }
    if (input->made > 2) {
        igraph_vector_destroy(&input->mass);
    }
    if (input->made > 1) {
        igraph_vector_destroy(&input->weight);
    }
    if (input->made > 0) {
        igraph_vector_int_destroy(&input->ends);
    }
    input->made = 0;
}

static void fill(const rsi_piece *piece, struct input *input)
{
    for (size_t k = 0; k < piece->link_count; k++) {
        VECTOR(input->ends)[2 * k] = (number)piece->a[k];
        VECTOR(input->ends)[2 * k + 1] = (number)piece->b[k];
        VECTOR(input->weight)[k] = (double)piece->weight[k];
    }
    for (uint32_t v = 0; v < piece->vertex_count; v++) {
        VECTOR(input->mass)[v] = (double)piece->mass[v];
        VECTOR(input->membership)[v] = (number)(piece->start == NULL ? v : piece->start[v]);
    }
}

static rs_status make_input(const rsi_piece *piece, struct input *input, rs_error *err)
{
    rs_status status = RS_OK;
    number link_count = (number)piece->link_count;
    number vertex_count = (number)piece->vertex_count;
    RS_TRY(from_igraph(igraph_vector_int_init(&input->ends, 2 * link_count), "links", err));
    input->made++;
    RS_TRY(from_igraph(igraph_vector_init(&input->weight, link_count), "weights", err));
    input->made++;
    RS_TRY(from_igraph(igraph_vector_init(&input->mass, vertex_count), "masses", err));
    input->made++;
    RS_TRY(from_igraph(igraph_vector_int_init(&input->membership, vertex_count), "labels", err));
    input->made++;
    fill(piece, input);
    RS_TRY(from_igraph(igraph_create(&input->graph, &input->ends, vertex_count, IGRAPH_UNDIRECTED),
                       "graph", err));
    input->made++;
done:
    return status;
}

static igraph_error_t leiden_once(struct input *input, double resolution)
{
    number cluster_count = 0;
#if IGRAPH_VERSION_MAJOR >= 1
    return igraph_community_leiden(&input->graph, &input->weight, &input->mass, NULL, resolution,
                                   BETA, true, 1, &input->membership, &cluster_count, NULL);
#else
    return igraph_community_leiden(&input->graph, &input->weight, &input->mass, resolution, BETA,
                                   true, 1, &input->membership, &cluster_count, NULL);
#endif
}

/* One iteration at a time: before 0.10.7 "until stable" stopped at once, and a fixed number of
 * iterations goes on when nothing moves any more. */
static rs_status iterate(const rsi_piece *piece, const rs_detect_options *options,
                         struct input *input, uint32_t *label, uint32_t *before, rs_error *err)
{
    rs_status status = RS_OK;
    size_t bytes = piece->vertex_count * sizeof *label;
    uint32_t *smallest = before + piece->vertex_count;
    bool moved = true;
    for (unsigned round = 0; moved && (options->rounds == 0 || round < options->rounds); round++) {
        RS_TRY(from_igraph(leiden_once(input, options->resolution), "Leiden", err));
        memcpy(before, label, bytes);
        for (uint32_t v = 0; v < piece->vertex_count; v++) {
            label[v] = (uint32_t)VECTOR(input->membership)[v];
        }
        rsi_piece_canonical(piece->vertex_count, label, smallest);
        moved = memcmp(before, label, bytes) != 0;
    }
done:
    return status;
}

rs_status rsi_leiden(const rsi_piece *piece, const rs_detect_options *options, uint32_t *label,
                     rs_error *err)
{
    rs_status status = RS_OK;
    struct setting setting = {0};
    struct input input = {0};
    uint32_t *scratch = malloc(2 * (size_t)piece->vertex_count * sizeof *scratch + 1);
    if (scratch == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u vertices)", piece->vertex_count);
    }
    for (uint32_t v = 0; v < piece->vertex_count; v++) {
        label[v] = piece->start == NULL ? v : piece->start[v];
    }
    /* The seed may depend on what the piece is, not on where in the graph it lies. */
    RS_TRY(enter(&setting, options->random_seed ^ piece->vertex_count, err));
    RS_TRY(make_input(piece, &input, err));
    RS_TRY(iterate(piece, options, &input, label, scratch, err));
done:
    input_free(&input);
    leave(&setting);
    free(scratch);
    return status;
}
