/* rings_found.c - clusters against rings: who matches whom, what is split, what is merged.
 *
 * A cluster matches a ring where their Jaccard index is at least `overlap`; of all one-to-one
 * matchings a largest one counts, and clusters of higher score come first, so that the first k
 * clusters are matched as well as can be for every k. SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>

#include "base/try.h"
#include "lab/figures.h"

struct overlap {
    const rsi_case *c;
    uint32_t *shared;  /* by ring: accounts in the cluster at hand */
    uint32_t *touched; /* rings with any */
    uint32_t touched_count;
    uint64_t *offsets; /* matching: edges of each cluster */
    uint32_t *edges;
    size_t edge_capacity;
    uint64_t edge_count;
    double *ring_f1;  /* by ring: the best among the top clusters */
    uint32_t *pieces; /* by ring: top clusters that mostly are this ring */
    rsi_tie *scores;  /* clusters of each score; bad: at least half of one ring */
    size_t score_count;
    double cluster_f1_sum;
    uint32_t pure_count;
    uint32_t merge_count;
};

uint32_t rsi_top_2r(const rsi_case *c)
{
    uint64_t twice = 2 * (uint64_t)c->ring_ids.count;
    return twice < c->cluster_count ? (uint32_t)twice : c->cluster_count;
}

static void count_shared(struct overlap *o, const rsi_cluster *cluster)
{
    o->touched_count = 0;
    for (uint32_t i = 0; i < cluster->size; i++) {
        uint32_t ring = o->c->accounts[o->c->members[cluster->first + i]].ring;
        if (ring != RSI_NO_ID && o->shared[ring]++ == 0) {
            o->touched[o->touched_count++] = ring;
        }
    }
}

static rs_status add_edges(struct overlap *o, const rsi_cluster *cluster, rs_error *err)
{
    rs_status status = RS_OK;
    for (uint32_t i = 0; i < o->touched_count; i++) {
        uint32_t ring = o->touched[i];
        uint32_t both = o->shared[ring];
        double either = (double)cluster->size + o->c->rings[ring].size - both;
        if (both >= o->c->options->overlap * either) {
            void *edges = o->edges;
            status = rsi_grow(&edges, &o->edge_capacity, o->edge_count, sizeof *o->edges, err);
            o->edges = edges;
            RS_TRY(status);
            o->edges[o->edge_count++] = ring;
        }
    }
done:
    return status;
}

/* At least half of it is one ring. */
static bool is_pure(const struct overlap *o, const rsi_cluster *cluster)
{
    bool pure = false;
    for (uint32_t i = 0; i < o->touched_count; i++) {
        pure = pure || 2 * (uint64_t)o->shared[o->touched[i]] >= cluster->size;
    }
    return pure;
}

/* Clusters come by score. */
static void add_score(struct overlap *o, double score, bool pure)
{
    rsi_tie *last = o->score_count > 0 ? &o->scores[o->score_count - 1] : NULL;
    if (last == NULL || last->risk > score) {
        last = &o->scores[o->score_count++];
        *last = (rsi_tie){.risk = score};
    }
    last->count++;
    last->bad += pure;
}

/* For the top 2R: how well it covers a ring, whether it is one, whether it holds halves of several.
 */
static void look_at_top(struct overlap *o, const rsi_cluster *cluster, bool among_r)
{
    double best = 0;
    uint32_t halves = 0;
    for (uint32_t i = 0; i < o->touched_count; i++) {
        uint32_t ring = o->touched[i];
        uint64_t both = o->shared[ring];
        double f1 = 2 * (double)both / ((double)cluster->size + o->c->rings[ring].size);
        best = f1 > best ? f1 : best;
        o->ring_f1[ring] = f1 > o->ring_f1[ring] ? f1 : o->ring_f1[ring];
        halves += 2 * both >= o->c->rings[ring].size ? 1 : 0;
        if (2 * both > cluster->size) {
            o->pieces[ring]++;
        }
    }
    o->cluster_f1_sum += best;
    o->merge_count += halves > 1 ? 1 : 0;
    o->pure_count += among_r && is_pure(o, cluster) ? 1 : 0;
}

static rs_status walk_clusters(struct overlap *o, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t top = rsi_top_2r(o->c);
    for (uint32_t k = 0; k < o->c->cluster_count; k++) {
        const rsi_cluster *cluster = &o->c->clusters[k];
        count_shared(o, cluster);
        o->offsets[k] = o->edge_count;
        RS_TRY(add_edges(o, cluster, err));
        add_score(o, cluster->score, is_pure(o, cluster));
        if (k < top) {
            look_at_top(o, cluster, k < o->c->ring_ids.count);
        }
        for (uint32_t i = 0; i < o->touched_count; i++) {
            o->shared[o->touched[i]] = 0;
        }
    }
    o->offsets[o->c->cluster_count] = o->edge_count;
done:
    return status;
}

static void sum_up(const struct overlap *o, const uint32_t *ring_of_cluster, rsi_figures *f)
{
    const rsi_case *c = o->c;
    uint32_t rings = c->ring_ids.count, top = rsi_top_2r(c);
    uint32_t top_r = rings < c->cluster_count ? rings : c->cluster_count;
    uint32_t in_r = 0, in_2r = 0, in_suspect = 0, in_all = 0;
    for (uint32_t k = 0; k < c->cluster_count; k++) {
        uint32_t matched = ring_of_cluster[k] != UINT32_MAX ? 1 : 0;
        bool suspect = c->clusters[k].score >= c->options->suspect;
        in_r += k < top_r ? matched : 0;
        in_2r += k < top ? matched : 0;
        in_suspect += suspect ? matched : 0;
        in_all += matched;
        f->suspect_clusters += suspect ? 1 : 0;
    }
    double f1_sum = 0;
    for (uint32_t r = 0; r < rings; r++) {
        f1_sum += o->ring_f1[r];
        f->split_count += o->pieces[r] > 1 ? 1 : 0;
    }
    f->recall_top = rings == 0 ? (double)NAN : (double)in_2r / rings;
    f->recall_suspect = rings == 0 ? (double)NAN : (double)in_suspect / rings;
    f->recall_all = rings == 0 ? (double)NAN : (double)in_all / rings;
    f->precision_top = top_r == 0 ? (double)NAN : (double)in_r / top_r;
    f->pure_top = top_r == 0 ? (double)NAN : (double)o->pure_count / top_r;
    f->precision_suspect =
        f->suspect_clusters == 0 ? (double)NAN : (double)in_suspect / f->suspect_clusters;
    f->cover_f1 = rings == 0 ? (double)NAN
                  : top == 0 ? 0
                             : (f1_sum / rings + o->cluster_f1_sum / top) / 2;
    f->merge_count = o->merge_count;
    f->calibration = rsi_calibration_of(o->scores, o->score_count, true);
}

rs_status rsi_figure_rings(const rsi_case *c, rsi_figures *f, uint32_t *match_of_ring,
                           rs_error *err)
{
    rs_status status = RS_OK;
    size_t rings = (size_t)c->ring_ids.count + 1, clusters = (size_t)c->cluster_count + 1;
    struct overlap o = {.c = c};
    o.shared = calloc(rings, sizeof *o.shared);
    o.touched = calloc(rings, sizeof *o.touched);
    o.ring_f1 = calloc(rings, sizeof *o.ring_f1);
    o.pieces = calloc(rings, sizeof *o.pieces);
    o.offsets = calloc(clusters, sizeof *o.offsets);
    o.scores = calloc(clusters, sizeof *o.scores);
    uint32_t *ring_of_cluster = calloc(clusters, sizeof *ring_of_cluster);
    if (o.shared == NULL || o.touched == NULL || o.ring_f1 == NULL || o.pieces == NULL ||
        o.offsets == NULL || o.scores == NULL || ring_of_cluster == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%u clusters)", c->cluster_count);
        goto done;
    }
    RS_TRY(walk_clusters(&o, err));
    RS_TRY(rsi_match(c->cluster_count, o.offsets, o.edges, c->ring_ids.count, ring_of_cluster,
                     match_of_ring, err));
    sum_up(&o, ring_of_cluster, f);
done:
    free(o.shared);
    free(o.touched);
    free(o.ring_f1);
    free(o.pieces);
    free(o.scores);
    free(o.offsets);
    free(o.edges);
    free(ring_of_cluster);
    return status;
}

/* ---- breakdowns --------------------------------------------------------------------------- */

static rsi_share *share_for(rsi_figures *f, uint32_t kind, uint32_t hiding, size_t capacity)
{
    for (size_t i = 0; i < f->share_count; i++) {
        if (f->shares[i].kind == kind && f->shares[i].hiding == hiding) {
            return &f->shares[i];
        }
    }
    if (f->share_count == capacity) {
        return NULL;
    }
    f->shares[f->share_count] = (rsi_share){.kind = kind, .hiding = hiding};
    return &f->shares[f->share_count++];
}

static void add_ring(const rsi_case *c, uint32_t ring, const uint32_t *match_of_ring,
                     const uint32_t *alarmed, rsi_share *share)
{
    uint32_t match = match_of_ring[ring];
    share->ring_count++;
    share->account_count += c->rings[ring].size;
    share->alarmed_count += alarmed[ring];
    if (match != UINT32_MAX) {
        share->found_top += match < rsi_top_2r(c) ? 1 : 0;
        share->found_suspect += c->clusters[match].score >= c->options->suspect ? 1 : 0;
    }
}

/* Many kinds are a truth file of another sort: a break-down of more than this is no help. */
#define SHARE_MAX 1000

rs_status rsi_figure_shares(const rsi_case *c, const uint32_t *match_of_ring, rsi_figures *f,
                            rs_error *err)
{
    f->shares = calloc(SHARE_MAX, sizeof *f->shares);
    uint32_t *alarmed = calloc((size_t)c->ring_ids.count + 1, sizeof *alarmed);
    if (f->shares == NULL || alarmed == NULL) {
        free(alarmed);
        return rs_fail(err, RS_ENOMEM, "out of memory (%u rings)", c->ring_ids.count);
    }
    for (uint32_t i = 0; i < c->account_ids.count; i++) {
        const rsi_account *account = &c->accounts[i];
        if (account->ring != RSI_NO_ID && account->risk >= c->options->suspect) {
            alarmed[account->ring]++;
        }
    }
    for (uint32_t r = 0; r < c->ring_ids.count; r++) {
        const rsi_ring *ring = &c->rings[r];
        const uint32_t keys[3][2] = {
            {ring->kind, RSI_NO_ID}, {RSI_NO_ID, ring->hiding}, {ring->kind, ring->hiding}};
        for (int k = 0; k < 3; k++) {
            bool told = (k == 1 || keys[k][0] != RSI_NO_ID) && (k == 0 || keys[k][1] != RSI_NO_ID);
            rsi_share *share = told ? share_for(f, keys[k][0], keys[k][1], SHARE_MAX) : NULL;
            if (share != NULL) {
                add_ring(c, r, match_of_ring, alarmed, share);
            }
        }
    }
    free(alarmed);
    return RS_OK;
}

rs_status rsi_figure_alarms(const rsi_case *c, rsi_figures *f, rs_error *err)
{
    size_t kinds = c->lookalike_ids.count;
    f->alarm_count = kinds + 1;
    f->alarms = calloc(f->alarm_count, sizeof *f->alarms);
    if (f->alarms == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu look-alikes)", kinds);
    }
    for (size_t i = 0; i < kinds; i++) {
        f->alarms[i].lookalike = (uint32_t)i;
    }
    f->alarms[kinds].lookalike = RSI_NO_ID;
    f->alarms[kinds].account_count = rsi_unnamed_accounts(c);
    for (uint32_t i = 0; i < c->account_ids.count; i++) {
        const rsi_account *account = &c->accounts[i];
        if (account->ring == RSI_NO_ID) {
            size_t kind = account->lookalike == RSI_NO_ID ? kinds : account->lookalike;
            f->alarms[kind].account_count++;
            f->alarms[kind].risk_count += account->risk >= c->options->suspect ? 1 : 0;
            f->alarms[kind].cluster_count += account->alarmed ? 1 : 0;
        }
    }
    return RS_OK;
}

rs_status rsi_figure_recall_intervals(const rsi_case *c, const uint32_t *match_of_ring,
                                      rsi_figures *f, rs_error *err)
{
    uint32_t rings = c->ring_ids.count, resamples = c->options->resamples;
    uint32_t *times = calloc((size_t)rings + 1, sizeof *times);
    double *values = calloc(3 * (size_t)resamples + 3, sizeof *values);
    if (times == NULL || values == NULL) {
        free(times);
        free(values);
        return rs_fail(err, RS_ENOMEM, "out of memory (resampling)");
    }
    for (uint32_t i = 0; i < resamples && rings > 0; i++) {
        uint64_t found[3] = {0};
        rsi_resample(c->options->seed, i, rings, times);
        for (uint32_t r = 0; r < rings; r++) {
            uint32_t match = match_of_ring[r];
            if (match != UINT32_MAX) {
                found[0] += match < rsi_top_2r(c) ? times[r] : 0;
                found[1] += c->clusters[match].score >= c->options->suspect ? times[r] : 0;
                found[2] += times[r];
            }
        }
        for (size_t k = 0; k < 3; k++) {
            values[k * resamples + i] = (double)found[k] / rings;
        }
    }
    size_t used = rings > 0 ? resamples : 0;
    f->recall_top_interval = rsi_interval_of(values, used);
    f->recall_suspect_interval = rsi_interval_of(values + resamples, used);
    f->recall_all_interval = rsi_interval_of(values + 2 * (size_t)resamples, used);
    free(times);
    free(values);
    return RS_OK;
}
