/* booster.c - XGBoost by its C API. The only file that knows it.
 *
 * Its library is opened when something is to be learned and not before: loading it takes as long as
 * half of a short command. What it made is read through rsi_forest_read like any other model.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "learn/booster.h"

#if RS_HAVE_XGBOOST
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xgboost/c_api.h>

#include "base/try.h"

/* The functions used, as the header declares them. */
typedef struct library {
    void *handle;
    __typeof__(XGDMatrixCreateFromMat_omp) *matrix_new;
    __typeof__(XGDMatrixFree) *matrix_free;
    __typeof__(XGDMatrixSetFloatInfo) *set_info;
    __typeof__(XGBoosterCreate) *booster_new;
    __typeof__(XGBoosterFree) *booster_free;
    __typeof__(XGBoosterSetParam) *set_param;
    __typeof__(XGBoosterUpdateOneIter) *update;
    __typeof__(XGBoosterSaveModelToBuffer) *save;
    __typeof__(XGBGetLastError) *last_error;
} library;

/* ISO C has no way from void * to a function; POSIX says that the bytes are the same. */
static bool find(const library *lib, const char *name, void *function)
{
    void *symbol = dlsym(lib->handle, name);
    memcpy(function, &symbol, sizeof symbol);
    return symbol != NULL;
}

static rs_status open_library(library *lib, rs_error *err)
{
    *lib = (library){.handle = dlopen(RS_XGBOOST_NAME, RTLD_NOW | RTLD_LOCAL)};
    if (lib->handle == NULL) {
        return rs_fail(err, RS_EUSAGE,
                       "XGBoost is not installed, without which nothing is learned (%s; "
                       "Debian: libxgboost0)",
                       dlerror());
    }
    if (!find(lib, "XGDMatrixCreateFromMat_omp", &lib->matrix_new) ||
        !find(lib, "XGDMatrixFree", &lib->matrix_free) ||
        !find(lib, "XGDMatrixSetFloatInfo", &lib->set_info) ||
        !find(lib, "XGBoosterCreate", &lib->booster_new) ||
        !find(lib, "XGBoosterFree", &lib->booster_free) ||
        !find(lib, "XGBoosterSetParam", &lib->set_param) ||
        !find(lib, "XGBoosterUpdateOneIter", &lib->update) ||
        !find(lib, "XGBoosterSaveModelToBuffer", &lib->save) ||
        !find(lib, "XGBGetLastError", &lib->last_error)) {
        return rs_fail(err, RS_EUSAGE, "this XGBoost is none that was built with: %s", dlerror());
    }
    return RS_OK;
}

rs_status rsi_booster_check(rs_error *err)
{
    library lib;
    return open_library(&lib, err); /* it stays open: it is used soon, and cannot be unloaded */
}

/* ---- one model ------------------------------------------------------------------------------- */

typedef struct booster {
    library lib;
    DMatrixHandle matrix;
    BoosterHandle handle;
} booster;

static rs_status refused(const booster *b, int code, const char *what, rs_error *err)
{
    if (code == 0) {
        return RS_OK;
    }
    const char *why = b->lib.last_error();
    int length = (int)strcspn(why, "\n");
    return rs_fail(err, RS_EINPUT, "XGBoost: %s: %.*s", what, length < 200 ? length : 200, why);
}

static rs_status make_matrix(booster *b, const rsi_boosting *in, rs_error *err)
{
    rs_status status = RS_OK;
    size_t columns = in->features->count;
    float *cells = malloc((in->row_count * columns + 1) * sizeof *cells);
    float *labels = malloc((in->row_count + 1) * sizeof *labels);
    if (cells == NULL || labels == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu rows of %zu columns)", in->row_count,
                         columns);
        goto done;
    }
    for (size_t r = 0; r < in->row_count; r++) {
        labels[r] = in->bad[in->rows[r]] ? 1 : 0;
        for (size_t c = 0; c < columns; c++) {
            cells[r * columns + c] = in->features->all[c].values[in->rows[r]];
        }
    }
    RS_TRY(refused(b, b->lib.matrix_new(cells, in->row_count, columns, NAN, &b->matrix, 1), "rows",
                   err));
    RS_TRY(refused(b, b->lib.set_info(b->matrix, "label", labels, in->row_count), "labels", err));
done:
    free(cells);
    free(labels);
    return status;
}

/* "(1,0,...)": a kind of evidence never lowers the margin. */
static rs_status set_rising(booster *b, const rsi_features *features, rs_error *err)
{
    char *text = malloc(2 * features->count + 3);
    char *to = text;
    if (text == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu columns)", features->count);
    }
    for (size_t c = 0; c < features->count; c++) {
        *to++ = c == 0 ? '(' : ',';
        *to++ = features->all[c].rising ? '1' : '0';
    }
    *to++ = ')';
    *to = '\0';
    rs_status status =
        refused(b, b->lib.set_param(b->handle, "monotone_constraints", text), "constraints", err);
    free(text);
    return status;
}

static rs_status set_params(booster *b, const rsi_boosting *in, rs_error *err)
{
    rs_status status = RS_OK;
    char depth[16];
    char rate[32];
    char base[32];
    char seed[16];
    snprintf(depth, sizeof depth, "%u", in->depth);
    snprintf(rate, sizeof rate, "%.9g", in->rate);
    snprintf(base, sizeof base, "%.9g", 1 / (1 + exp(-in->base)));
    snprintf(seed, sizeof seed, "%u", in->seed);
    const char *const params[][2] = {
        {"objective", "binary:logistic"},
        {"tree_method", "hist"},
        {"nthread", "1"},
        {"verbosity", "0"},
        {"max_depth", depth},
        {"eta", rate},
        {"base_score", base},
        {"seed", seed},
        /* Each tree sees part of the rows and of the columns: many columns say nearly the same. */
        {"subsample", "0.7"},
        {"colsample_bynode", "0.2"},
        {"min_child_weight", "2"},
        {"lambda", "5"},
        {"max_bin", "128"},
    };
    for (size_t i = 0; i < sizeof params / sizeof *params; i++) {
        RS_TRY(
            refused(b, b->lib.set_param(b->handle, params[i][0], params[i][1]), params[i][0], err));
    }
    RS_TRY(set_rising(b, in->features, err));
done:
    return status;
}

/* Read on to the array of trees, wherever it stands. */
static rs_status read_trees(const char *bytes, size_t length, size_t columns, rsi_forest *forest,
                            rs_error *err)
{
    rs_status status = RS_OK;
    rsi_json *json = NULL;
    rs_text text;
    rsi_json_token token;
    RS_TRY(rsi_json_new(&json, err));
    rsi_json_start(json, bytes, length);
    do {
        token = rsi_json_next(json, &text);
        if (token == RSI_JSON_BAD || token == RSI_JSON_END) {
            status = rs_fail(err, RS_EINPUT, "XGBoost's model has no trees");
            goto done;
        }
    } while (token != RSI_JSON_KEY || text.length != 5 || memcmp(text.bytes, "trees", 5) != 0);
    status = rs_context(err, rsi_forest_read(forest, json, columns, err), "XGBoost's model");
done:
    rsi_json_free(json);
    return status;
}

rs_status rsi_boost(const rsi_boosting *boosting, rsi_forest *forest, rs_error *err)
{
    rs_status status = RS_OK;
    booster b = {.matrix = NULL};
    bst_ulong length = 0;
    const char *bytes = NULL;
    RS_TRY(open_library(&b.lib, err));
    RS_TRY(make_matrix(&b, boosting, err));
    RS_TRY(refused(&b, b.lib.booster_new(&b.matrix, 1, &b.handle), "booster", err));
    RS_TRY(set_params(&b, boosting, err));
    for (unsigned round = 0; round < boosting->rounds; round++) {
        RS_TRY(rs_work_report(boosting->work, "learn", "rounds", round, boosting->rounds, err));
        RS_TRY(refused(&b, b.lib.update(b.handle, (int)round, b.matrix), "round", err));
    }
    RS_TRY(
        refused(&b, b.lib.save(b.handle, "{\"format\":\"json\"}", &length, &bytes), "model", err));
    RS_TRY(read_trees(bytes, (size_t)length, boosting->features->count, forest, err));
done:
    if (b.handle != NULL) {
        b.lib.booster_free(b.handle);
    }
    if (b.matrix != NULL) {
        b.lib.matrix_free(b.matrix);
    }
    return status;
}

#else

rs_status rsi_booster_check(rs_error *err)
{
    return rs_fail(err, RS_EUSAGE,
                   "this ringscope was built without XGBoost, without which nothing is learned: "
                   "install it (Debian: libxgboost-dev) and build again");
}

rs_status rsi_boost(const rsi_boosting *boosting, rsi_forest *forest, rs_error *err)
{
    (void)boosting;
    (void)forest;
    return rsi_booster_check(err);
}

#endif
