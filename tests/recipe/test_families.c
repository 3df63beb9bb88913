/* Promise: the ten families of docs/families-on-paper.md do to small models what the page says of them. */
#include "fake.h"
#include "scratch.h"

#define MOST_TEXT 16384

static const struct {
    const char *family, *checkpoint, *outputs;
} families[] = {
    {"llama",
     "model.embed_tokens.weight f32 50x32\nmodel.norm.weight f32 32\nmodel.layers.0.self_attn.q_proj.weight f32 32x32\n"
     "model.layers.0.self_attn.k_proj.weight f32 16x32\nmodel.layers.0.self_attn.v_proj.weight f32 "
     "16x32\nmodel.layers.0.self_attn.o_proj.weight f32 32x32\n"
     "model.layers.0.mlp.gate_proj.weight f32 24x32\nmodel.layers.0.mlp.up_proj.weight f32 "
     "24x32\nmodel.layers.0.mlp.down_proj.weight f32 32x24\n"
     "model.layers.0.input_layernorm.weight f32 32\nmodel.layers.0.post_attention_layernorm.weight f32 "
     "32\nmodel.layers.1.self_attn.q_proj.weight f32 32x32\n"
     "model.layers.1.self_attn.k_proj.weight f32 16x32\nmodel.layers.1.self_attn.v_proj.weight f32 "
     "16x32\nmodel.layers.1.self_attn.o_proj.weight f32 32x32\n"
     "model.layers.1.mlp.gate_proj.weight f32 24x32\nmodel.layers.1.mlp.up_proj.weight f32 "
     "24x32\nmodel.layers.1.mlp.down_proj.weight f32 32x24\n"
     "model.layers.1.input_layernorm.weight f32 32\nmodel.layers.1.post_attention_layernorm.weight f32 "
     "32\nlm_head.weight f32 50x32\n"
     "!config.json {\"num_hidden_layers\": 2, \"num_attention_heads\": 8, \"num_key_value_heads\": 4, \"hidden_size\": "
     "32, \"intermediate_size\": 24, \"rms_norm_eps\": 1e-06, \"max_position_embeddings\": 131072, \"architectures\": "
     "[\"LlamaForCausalLM\"], \"tie_word_embeddings\": true, \"rope_theta\": 500000.0, \"rope_scaling\": "
     "{\"rope_type\": \"llama3\", \"factor\": 8.0, \"low_freq_factor\": 1.0, \"high_freq_factor\": 4.0, "
     "\"original_max_position_embeddings\": 8192}}\n",
     "rope_freqs.weight:2?f32 token_embd.weight:50x32q output_norm.weight:32?f32 blk.0.attn_q.weight:32x32q "
     "blk.0.attn_k.weight:16x32q blk.0.attn_v.weight:16x32q blk.0.attn_output.weight:32x32q "
     "blk.0.ffn_gate.weight:24x32q "
     "blk.0.ffn_up.weight:24x32q blk.0.ffn_down.weight:32x24q blk.0.attn_norm.weight:32?f32 "
     "blk.0.ffn_norm.weight:32?f32 "
     "blk.1.attn_q.weight:32x32q blk.1.attn_k.weight:16x32q blk.1.attn_v.weight:16x32q blk.1.attn_output.weight:32x32q "
     "blk.1.ffn_gate.weight:24x32q blk.1.ffn_up.weight:24x32q blk.1.ffn_down.weight:32x24q "
     "blk.1.attn_norm.weight:32?f32 "
     "blk.1.ffn_norm.weight:32?f32"},
    {"qwen3moe",
     "model.embed_tokens.weight f32 50x32\nmodel.norm.weight f32 32\nmodel.layers.0.self_attn.q_proj.weight f32 32x32\n"
     "model.layers.0.self_attn.k_proj.weight f32 16x32\nmodel.layers.0.self_attn.v_proj.weight f32 "
     "16x32\nmodel.layers.0.self_attn.o_proj.weight f32 32x32\n"
     "model.layers.0.input_layernorm.weight f32 32\nmodel.layers.0.post_attention_layernorm.weight f32 "
     "32\nmodel.layers.1.self_attn.q_proj.weight f32 32x32\n"
     "model.layers.1.self_attn.k_proj.weight f32 16x32\nmodel.layers.1.self_attn.v_proj.weight f32 "
     "16x32\nmodel.layers.1.self_attn.o_proj.weight f32 32x32\n"
     "model.layers.1.input_layernorm.weight f32 32\nmodel.layers.1.post_attention_layernorm.weight f32 "
     "32\nlm_head.weight f32 50x32\n"
     "model.layers.0.self_attn.q_norm.weight f32 4\nmodel.layers.0.self_attn.k_norm.weight f32 "
     "4\nmodel.layers.0.mlp.gate.weight f32 3x32\n"
     "model.layers.0.mlp.experts.0.down_proj.weight f32 32x8\nmodel.layers.0.mlp.experts.0.gate_proj.weight f32 "
     "8x32\nmodel.layers.0.mlp.experts.0.up_proj.weight f32 8x32\n"
     "model.layers.0.mlp.experts.1.down_proj.weight f32 32x8\nmodel.layers.0.mlp.experts.1.gate_proj.weight f32 "
     "8x32\nmodel.layers.0.mlp.experts.1.up_proj.weight f32 8x32\n"
     "model.layers.0.mlp.experts.2.down_proj.weight f32 32x8\nmodel.layers.0.mlp.experts.2.gate_proj.weight f32 "
     "8x32\nmodel.layers.0.mlp.experts.2.up_proj.weight f32 8x32\n"
     "model.layers.1.self_attn.q_norm.weight f32 4\nmodel.layers.1.self_attn.k_norm.weight f32 "
     "4\nmodel.layers.1.mlp.gate.weight f32 3x32\n"
     "model.layers.1.mlp.experts.0.down_proj.weight f32 32x8\nmodel.layers.1.mlp.experts.0.gate_proj.weight f32 "
     "8x32\nmodel.layers.1.mlp.experts.0.up_proj.weight f32 8x32\n"
     "model.layers.1.mlp.experts.1.down_proj.weight f32 32x8\nmodel.layers.1.mlp.experts.1.gate_proj.weight f32 "
     "8x32\nmodel.layers.1.mlp.experts.1.up_proj.weight f32 8x32\n"
     "model.layers.1.mlp.experts.2.down_proj.weight f32 32x8\nmodel.layers.1.mlp.experts.2.gate_proj.weight f32 "
     "8x32\nmodel.layers.1.mlp.experts.2.up_proj.weight f32 8x32\n"
     "!config.json {\"num_hidden_layers\": 2, \"num_attention_heads\": 8, \"num_key_value_heads\": 4, \"hidden_size\": "
     "32, \"intermediate_size\": 24, \"rms_norm_eps\": 1e-06, \"max_position_embeddings\": 131072, \"architectures\": "
     "[\"Qwen3MoeForCausalLM\"], \"num_experts\": 3, \"num_experts_per_tok\": 2, \"moe_intermediate_size\": 8}\n",
     "token_embd.weight:50x32q output_norm.weight:32?f32 blk.0.attn_q.weight:32x32q blk.0.attn_k.weight:16x32q "
     "blk.0.attn_v.weight:16x32q blk.0.attn_output.weight:32x32q blk.0.attn_norm.weight:32?f32 "
     "blk.0.ffn_norm.weight:32?f32 "
     "blk.1.attn_q.weight:32x32q blk.1.attn_k.weight:16x32q blk.1.attn_v.weight:16x32q blk.1.attn_output.weight:32x32q "
     "blk.1.attn_norm.weight:32?f32 blk.1.ffn_norm.weight:32?f32 output.weight:50x32q blk.0.attn_q_norm.weight:4?f32 "
     "blk.0.attn_k_norm.weight:4?f32 blk.0.ffn_gate_inp.weight:3x32=f32 blk.0.ffn_down_exps.weight:3x32x8q*3 "
     "blk.0.ffn_gate_exps.weight:3x8x32q*3 "
     "blk.0.ffn_up_exps.weight:3x8x32q*3 blk.1.attn_q_norm.weight:4?f32 blk.1.attn_k_norm.weight:4?f32 "
     "blk.1.ffn_gate_inp.weight:3x32=f32 "
     "blk.1.ffn_down_exps.weight:3x32x8q*3 blk.1.ffn_gate_exps.weight:3x8x32q*3 blk.1.ffn_up_exps.weight:3x8x32q*3"},
    {"gemma3",
     "language_model.model.embed_tokens.weight f32 50x32\nlanguage_model.model.norm.weight f32 "
     "32\nvision_tower.x.weight f32 3x3\n"
     "multi_modal_projector.w f32 2\nlanguage_model.model.layers.0.self_attn.q_proj.weight f32 "
     "32x32\nlanguage_model.model.layers.0.self_attn.k_proj.weight f32 16x32\n"
     "language_model.model.layers.0.self_attn.v_proj.weight f32 "
     "16x32\nlanguage_model.model.layers.0.self_attn.o_proj.weight f32 "
     "32x32\nlanguage_model.model.layers.0.mlp.gate_proj.weight f32 24x32\n"
     "language_model.model.layers.0.mlp.up_proj.weight f32 24x32\nlanguage_model.model.layers.0.mlp.down_proj.weight "
     "f32 32x24\nlanguage_model.model.layers.0.input_layernorm.weight f32 32\n"
     "language_model.model.layers.0.post_attention_layernorm.weight f32 "
     "32\nlanguage_model.model.layers.1.self_attn.q_proj.weight f32 "
     "32x32\nlanguage_model.model.layers.1.self_attn.k_proj.weight f32 16x32\n"
     "language_model.model.layers.1.self_attn.v_proj.weight f32 "
     "16x32\nlanguage_model.model.layers.1.self_attn.o_proj.weight f32 "
     "32x32\nlanguage_model.model.layers.1.mlp.gate_proj.weight f32 24x32\n"
     "language_model.model.layers.1.mlp.up_proj.weight f32 24x32\nlanguage_model.model.layers.1.mlp.down_proj.weight "
     "f32 32x24\nlanguage_model.model.layers.1.input_layernorm.weight f32 32\n"
     "language_model.model.layers.1.post_attention_layernorm.weight f32 "
     "32\nlanguage_model.model.layers.0.self_attn.q_norm.weight f32 "
     "4\nlanguage_model.model.layers.0.self_attn.k_norm.weight f32 4\n"
     "language_model.model.layers.0.pre_feedforward_layernorm.weight f32 "
     "32\nlanguage_model.model.layers.0.post_feedforward_layernorm.weight f32 "
     "32\nlanguage_model.model.layers.1.self_attn.q_norm.weight f32 4\n"
     "language_model.model.layers.1.self_attn.k_norm.weight f32 "
     "4\nlanguage_model.model.layers.1.pre_feedforward_layernorm.weight f32 "
     "32\nlanguage_model.model.layers.1.post_feedforward_layernorm.weight f32 32\n"
     "!config.json {\"architectures\": [\"Gemma3ForConditionalGeneration\"], \"text_config\": {\"num_hidden_layers\": "
     "2, \"sliding_window\": 512}}\n",
     "token_embd.weight:50x32q output_norm.weight:32?f32+1 blk.0.attn_q.weight:32x32q blk.0.attn_k.weight:16x32q "
     "blk.0.attn_v.weight:16x32q blk.0.attn_output.weight:32x32q blk.0.ffn_gate.weight:24x32q "
     "blk.0.ffn_up.weight:24x32q "
     "blk.0.ffn_down.weight:32x24q blk.0.attn_norm.weight:32?f32+1 blk.0.post_attention_norm.weight:32?f32+1 "
     "blk.1.attn_q.weight:32x32q "
     "blk.1.attn_k.weight:16x32q blk.1.attn_v.weight:16x32q blk.1.attn_output.weight:32x32q "
     "blk.1.ffn_gate.weight:24x32q "
     "blk.1.ffn_up.weight:24x32q blk.1.ffn_down.weight:32x24q blk.1.attn_norm.weight:32?f32+1 "
     "blk.1.post_attention_norm.weight:32?f32+1 "
     "blk.0.attn_q_norm.weight:4?f32+1 blk.0.attn_k_norm.weight:4?f32+1 blk.0.ffn_norm.weight:32?f32+1 "
     "blk.0.post_ffw_norm.weight:32?f32+1 "
     "blk.1.attn_q_norm.weight:4?f32+1 blk.1.attn_k_norm.weight:4?f32+1 blk.1.ffn_norm.weight:32?f32+1 "
     "blk.1.post_ffw_norm.weight:32?f32+1"},
    {"deepseek2",
     "model.embed_tokens.weight f32 50x32\nmodel.norm.weight f32 32\nlm_head.weight f32 50x32\n"
     "model.layers.0.self_attn.q_proj.weight f32 36x32\nmodel.layers.0.self_attn.kv_a_layernorm.weight f32 "
     "8\nmodel.layers.0.self_attn.kv_a_proj_with_mqa.weight f32 11x32\n"
     "model.layers.0.self_attn.kv_b_proj.weight f32 44x8\nmodel.layers.0.self_attn.o_proj.weight f32 "
     "32x20\nmodel.layers.0.input_layernorm.weight f32 32\n"
     "model.layers.0.post_attention_layernorm.weight f32 32\nmodel.layers.0.mlp.gate_proj.weight f32 "
     "24x32\nmodel.layers.0.mlp.up_proj.weight f32 24x32\n"
     "model.layers.0.mlp.down_proj.weight f32 32x24\nmodel.layers.1.self_attn.q_proj.weight f32 "
     "36x32\nmodel.layers.1.self_attn.kv_a_layernorm.weight f32 8\n"
     "model.layers.1.self_attn.kv_a_proj_with_mqa.weight f32 11x32\nmodel.layers.1.self_attn.kv_b_proj.weight f32 "
     "44x8\nmodel.layers.1.self_attn.o_proj.weight f32 32x20\n"
     "model.layers.1.input_layernorm.weight f32 32\nmodel.layers.1.post_attention_layernorm.weight f32 "
     "32\nmodel.layers.1.mlp.gate.weight f32 2x32\n"
     "model.layers.1.mlp.gate.e_score_correction_bias f32 2\nmodel.layers.1.mlp.experts.0.down_proj.weight f32 "
     "32x8\nmodel.layers.1.mlp.experts.0.gate_proj.weight f32 8x32\n"
     "model.layers.1.mlp.experts.0.up_proj.weight f32 8x32\nmodel.layers.1.mlp.experts.1.down_proj.weight f32 "
     "32x8\nmodel.layers.1.mlp.experts.1.gate_proj.weight f32 8x32\n"
     "model.layers.1.mlp.experts.1.up_proj.weight f32 8x32\nmodel.layers.1.mlp.shared_experts.down_proj.weight f32 "
     "32x8\nmodel.layers.1.mlp.shared_experts.gate_proj.weight f32 8x32\n"
     "model.layers.1.mlp.shared_experts.up_proj.weight f32 8x32\nmodel.layers.2.self_attn.q_proj.weight f32 "
     "36x32\nmodel.layers.2.self_attn.kv_a_layernorm.weight f32 8\n"
     "model.layers.2.self_attn.kv_a_proj_with_mqa.weight f32 11x32\nmodel.layers.2.self_attn.kv_b_proj.weight f32 "
     "44x8\nmodel.layers.2.self_attn.o_proj.weight f32 32x20\n"
     "model.layers.2.input_layernorm.weight f32 32\nmodel.layers.2.post_attention_layernorm.weight f32 "
     "32\nmodel.layers.2.mlp.gate.weight f32 2x32\n"
     "model.layers.2.mlp.gate.e_score_correction_bias f32 2\nmodel.layers.2.mlp.experts.0.down_proj.weight f32 "
     "32x8\nmodel.layers.2.mlp.experts.0.gate_proj.weight f32 8x32\n"
     "model.layers.2.mlp.experts.0.up_proj.weight f32 8x32\nmodel.layers.2.mlp.experts.1.down_proj.weight f32 "
     "32x8\nmodel.layers.2.mlp.experts.1.gate_proj.weight f32 8x32\n"
     "model.layers.2.mlp.experts.1.up_proj.weight f32 8x32\nmodel.layers.2.mlp.shared_experts.down_proj.weight f32 "
     "32x8\nmodel.layers.2.mlp.shared_experts.gate_proj.weight f32 8x32\n"
     "model.layers.2.mlp.shared_experts.up_proj.weight f32 8x32\n"
     "!config.json {\"num_hidden_layers\": 2, \"num_key_value_heads\": 4, \"qk_nope_head_dim\": 6, \"v_head_dim\": 5, "
     "\"kv_lora_rank\": 8, \"qk_rope_head_dim\": 3, \"first_k_dense_replace\": 1, \"n_routed_experts\": 2, "
     "\"rope_scaling\": {\"mscale_all_dim\": 1.0}}\n",
     "token_embd.weight:50x32q output_norm.weight:32?f32 output.weight:50x32q blk.0.attn_q.weight:36x32q "
     "blk.0.attn_kv_a_norm.weight:8?f32 blk.0.attn_kv_a_mqa.weight:11x32q blk.0.attn_k_b.weight:4x8x6q "
     "blk.0.attn_v_b.weight:4x5x8q "
     "blk.0.attn_output.weight:32x20q blk.0.attn_norm.weight:32?f32 blk.0.ffn_norm.weight:32?f32 "
     "blk.0.ffn_gate.weight:24x32q "
     "blk.0.ffn_up.weight:24x32q blk.0.ffn_down.weight:32x24q blk.1.attn_q.weight:36x32q "
     "blk.1.attn_kv_a_norm.weight:8?f32 "
     "blk.1.attn_kv_a_mqa.weight:11x32q blk.1.attn_k_b.weight:4x8x6q blk.1.attn_v_b.weight:4x5x8q "
     "blk.1.attn_output.weight:32x20q "
     "blk.1.attn_norm.weight:32?f32 blk.1.ffn_norm.weight:32?f32 blk.1.ffn_gate_inp.weight:2x32=f32 "
     "blk.1.exp_probs_b.bias:2=f32 "
     "blk.1.ffn_down_exps.weight:2x32x8q*2 blk.1.ffn_gate_exps.weight:2x8x32q*2 blk.1.ffn_up_exps.weight:2x8x32q*2 "
     "blk.1.ffn_down_shexp.weight:32x8q "
     "blk.1.ffn_gate_shexp.weight:8x32q blk.1.ffn_up_shexp.weight:8x32q"},
    {"phi3",
     "model.embed_tokens.weight f32 50x32\nmodel.norm.weight f32 32\nmodel.layers.0.self_attn.o_proj.weight f32 32x32\n"
     "model.layers.0.input_layernorm.weight f32 32\nmodel.layers.0.post_attention_layernorm.weight f32 "
     "32\nmodel.layers.1.self_attn.o_proj.weight f32 32x32\n"
     "model.layers.1.input_layernorm.weight f32 32\nmodel.layers.1.post_attention_layernorm.weight f32 "
     "32\nlm_head.weight f32 50x32\n"
     "model.layers.0.self_attn.qkv_proj.weight f32 64x32\nmodel.layers.0.mlp.gate_up_proj.weight f32 "
     "48x32\nmodel.layers.0.mlp.down_proj.weight f32 32x24\n"
     "model.layers.1.self_attn.qkv_proj.weight f32 64x32\nmodel.layers.1.mlp.gate_up_proj.weight f32 "
     "48x32\nmodel.layers.1.mlp.down_proj.weight f32 32x24\n"
     "!config.json {\"num_hidden_layers\": 2, \"num_attention_heads\": 8, \"num_key_value_heads\": 4, \"hidden_size\": "
     "32, \"intermediate_size\": 24, \"rms_norm_eps\": 1e-06, \"max_position_embeddings\": 131072, \"architectures\": "
     "[\"Phi3ForCausalLM\"], \"original_max_position_embeddings\": 4096, \"rope_scaling\": {\"type\": \"longrope\", "
     "\"long_factor\": [1.5, 2.5], \"short_factor\": [1.0, 1.25]}}\n",
     "rope_factors_long.weight:2?f32 rope_factors_short.weight:2?f32 token_embd.weight:50x32q "
     "output_norm.weight:32?f32 "
     "blk.0.attn_output.weight:32x32q blk.0.attn_norm.weight:32?f32 blk.0.ffn_norm.weight:32?f32 "
     "blk.1.attn_output.weight:32x32q "
     "blk.1.attn_norm.weight:32?f32 blk.1.ffn_norm.weight:32?f32 output.weight:50x32q blk.0.attn_qkv.weight:64x32q "
     "blk.0.ffn_up.weight:48x32q blk.0.ffn_down.weight:32x24q blk.1.attn_qkv.weight:64x32q blk.1.ffn_up.weight:48x32q "
     "blk.1.ffn_down.weight:32x24q"},
    {"mamba",
     "backbone.embeddings.weight f32 50x16\nbackbone.norm_f.weight f32 16\nlm_head.weight f32 50x16\n"
     "backbone.layers.0.norm.weight f32 16\nbackbone.layers.0.mixer.A_log f32 32x4\nbackbone.layers.0.mixer.D f32 32\n"
     "backbone.layers.0.mixer.conv1d.weight f32 32x1x4\nbackbone.layers.0.mixer.conv1d.bias f32 "
     "32\nbackbone.layers.0.mixer.in_proj.weight f32 64x16\n"
     "backbone.layers.0.mixer.x_proj.weight f32 9x32\nbackbone.layers.0.mixer.dt_proj.weight f32 "
     "32x1\nbackbone.layers.0.mixer.dt_proj.bias f32 32\n"
     "backbone.layers.0.mixer.out_proj.weight f32 16x32\n"
     "!config.json {\"num_hidden_layers\": 1, \"hidden_size\": 16}\n",
     "token_embd.weight:50x16q output_norm.weight:16?f32 output.weight:50x16q blk.0.attn_norm.weight:16?f32 "
     "blk.0.ssm_a:32x4=f32+2 blk.0.ssm_d:32=f32 blk.0.ssm_conv1d.weight:32x4=f32 blk.0.ssm_conv1d.bias:32?f32 "
     "blk.0.ssm_in.weight:64x16q blk.0.ssm_x.weight:9x32q blk.0.ssm_dt.weight:32x1q blk.0.ssm_dt.bias:32?f32 "
     "blk.0.ssm_out.weight:16x32q"},
    {"bert",
     "embeddings.position_ids f32 1x8\nbert.embeddings.word_embeddings.weight f32 "
     "50x8\nbert.embeddings.position_embeddings.weight f32 8x8\n"
     "bert.embeddings.token_type_embeddings.weight f32 2x8\nbert.embeddings.LayerNorm.gamma f32 "
     "8\nbert.embeddings.LayerNorm.beta f32 8\n"
     "bert.pooler.dense.weight f32 8x8\nbert.pooler.dense.bias f32 8\ncls.predictions.bias f32 50\n"
     "bert.encoder.layer.0.attention.self.query.weight f32 8x8\nbert.encoder.layer.0.attention.self.query.bias f32 "
     "8\nbert.encoder.layer.0.attention.self.key.weight f32 8x8\n"
     "bert.encoder.layer.0.attention.self.key.bias f32 8\nbert.encoder.layer.0.attention.self.value.weight f32 "
     "8x8\nbert.encoder.layer.0.attention.self.value.bias f32 8\n"
     "bert.encoder.layer.0.attention.output.dense.weight f32 8x8\nbert.encoder.layer.0.attention.output.dense.bias f32 "
     "8\nbert.encoder.layer.0.attention.output.LayerNorm.gamma f32 8\n"
     "bert.encoder.layer.0.attention.output.LayerNorm.beta f32 8\nbert.encoder.layer.0.intermediate.dense.weight f32 "
     "16x8\nbert.encoder.layer.0.intermediate.dense.bias f32 16\n"
     "bert.encoder.layer.0.output.dense.weight f32 8x16\nbert.encoder.layer.0.output.dense.bias f32 "
     "8\nbert.encoder.layer.0.output.LayerNorm.weight f32 8\n"
     "bert.encoder.layer.0.output.LayerNorm.bias f32 8\n"
     "!config.json {\"architectures\": [\"BertModel\"], \"num_hidden_layers\": 1}\n",
     "token_embd.weight:50x8q position_embd.weight:8x8=f32 token_types.weight:2x8=f32 token_embd_norm.weight:8?f32 "
     "token_embd_norm.bias:8?f32 blk.0.attn_q.weight:8x8q blk.0.attn_q.bias:8?f32 blk.0.attn_k.weight:8x8q "
     "blk.0.attn_k.bias:8?f32 blk.0.attn_v.weight:8x8q blk.0.attn_v.bias:8?f32 blk.0.attn_output.weight:8x8q "
     "blk.0.attn_output.bias:8?f32 blk.0.attn_output_norm.weight:8?f32 blk.0.attn_output_norm.bias:8?f32 "
     "blk.0.ffn_up.weight:16x8q "
     "blk.0.ffn_up.bias:16?f32 blk.0.ffn_down.weight:8x16q blk.0.ffn_down.bias:8?f32 "
     "blk.0.layer_output_norm.weight:8?f32 "
     "blk.0.layer_output_norm.bias:8?f32"},
    {"t5",
     "decoder.embed_tokens.weight f32 50x8\nshared.weight f32 50x8\nlm_head.weight f32 50x8\n"
     "encoder.final_layer_norm.weight f32 8\ndecoder.final_layer_norm.weight f32 "
     "8\nencoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight f32 32x4\n"
     "encoder.block.0.layer.0.SelfAttention.q.weight f32 8x8\nencoder.block.0.layer.0.SelfAttention.k.weight f32 "
     "8x8\nencoder.block.0.layer.0.SelfAttention.v.weight f32 8x8\n"
     "encoder.block.0.layer.0.SelfAttention.o.weight f32 8x8\nencoder.block.0.layer.0.layer_norm.weight f32 "
     "8\nencoder.block.0.layer.1.DenseReluDense.wi_0.weight f32 16x8\n"
     "encoder.block.0.layer.1.DenseReluDense.wi_1.weight f32 16x8\nencoder.block.0.layer.1.DenseReluDense.wo.weight "
     "f32 8x16\nencoder.block.0.layer.1.layer_norm.weight f32 8\n"
     "decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight f32 "
     "32x4\ndecoder.block.0.layer.0.SelfAttention.q.weight f32 8x8\ndecoder.block.0.layer.0.SelfAttention.k.weight f32 "
     "8x8\n"
     "decoder.block.0.layer.0.SelfAttention.v.weight f32 8x8\ndecoder.block.0.layer.0.SelfAttention.o.weight f32 "
     "8x8\ndecoder.block.0.layer.0.layer_norm.weight f32 8\n"
     "decoder.block.0.layer.1.EncDecAttention.q.weight f32 8x8\ndecoder.block.0.layer.1.EncDecAttention.k.weight f32 "
     "8x8\ndecoder.block.0.layer.1.EncDecAttention.v.weight f32 8x8\n"
     "decoder.block.0.layer.1.EncDecAttention.o.weight f32 8x8\ndecoder.block.0.layer.1.layer_norm.weight f32 "
     "8\ndecoder.block.0.layer.2.DenseReluDense.wi_0.weight f32 16x8\n"
     "decoder.block.0.layer.2.DenseReluDense.wi_1.weight f32 16x8\ndecoder.block.0.layer.2.DenseReluDense.wo.weight "
     "f32 8x16\ndecoder.block.0.layer.2.layer_norm.weight f32 8\n"
     "!config.json {\"model_type\": \"t5\", \"num_decoder_layers\": 1, \"decoder_start_token_id\": 0}\n",
     "token_embd.weight:50x8q output.weight:50x8q enc.output_norm.weight:8?f32 dec.output_norm.weight:8?f32 "
     "enc.blk.0.attn_rel_b.weight:32x4q enc.blk.0.attn_q.weight:8x8q enc.blk.0.attn_k.weight:8x8q "
     "enc.blk.0.attn_v.weight:8x8q "
     "enc.blk.0.attn_o.weight:8x8q enc.blk.0.attn_norm.weight:8?f32 enc.blk.0.ffn_gate.weight:16x8q "
     "enc.blk.0.ffn_up.weight:16x8q "
     "enc.blk.0.ffn_down.weight:8x16q enc.blk.0.ffn_norm.weight:8?f32 dec.blk.0.attn_rel_b.weight:32x4q "
     "dec.blk.0.attn_q.weight:8x8q "
     "dec.blk.0.attn_k.weight:8x8q dec.blk.0.attn_v.weight:8x8q dec.blk.0.attn_o.weight:8x8q "
     "dec.blk.0.attn_norm.weight:8?f32 "
     "dec.blk.0.cross_attn_q.weight:8x8q dec.blk.0.cross_attn_k.weight:8x8q dec.blk.0.cross_attn_v.weight:8x8q "
     "dec.blk.0.cross_attn_o.weight:8x8q "
     "dec.blk.0.cross_attn_norm.weight:8?f32 dec.blk.0.ffn_gate.weight:16x8q dec.blk.0.ffn_up.weight:16x8q "
     "dec.blk.0.ffn_down.weight:8x16q "
     "dec.blk.0.ffn_norm.weight:8?f32"},
    {"falcon",
     "transformer.word_embeddings.weight f32 50x16\ntransformer.ln_f.weight f32 16\ntransformer.ln_f.bias f32 16\n"
     "lm_head.weight f32 50x16\ntransformer.h.0.self_attention.query_key_value.weight f32 "
     "32x16\ntransformer.h.0.self_attention.dense.weight f32 16x16\n"
     "transformer.h.0.mlp.dense_h_to_4h.weight f32 64x16\ntransformer.h.0.mlp.dense_4h_to_h.weight f32 "
     "16x64\ntransformer.h.0.ln_attn.weight f32 16\n"
     "transformer.h.0.ln_mlp.weight f32 16\n"
     "!config.json {\"architectures\": [\"FalconForCausalLM\"], \"num_attention_heads\": 4, \"num_kv_heads\": 2, "
     "\"hidden_size\": 16}\n",
     "token_embd.weight:50x16q output_norm.weight:16?f32 output_norm.bias:16?f32 output.weight:50x16q "
     "blk.0.attn_qkv.weight:32x16q*3 blk.0.attn_output.weight:16x16q blk.0.ffn_up.weight:64x16q "
     "blk.0.ffn_down.weight:16x64q "
     "blk.0.attn_norm_2.weight:16?f32 blk.0.attn_norm.weight:16?f32"},
    {"gpt-oss",
     "model.embed_tokens.weight f32 50x32\nmodel.norm.weight f32 32\nmodel.layers.0.self_attn.q_proj.weight f32 32x32\n"
     "model.layers.0.self_attn.k_proj.weight f32 16x32\nmodel.layers.0.self_attn.v_proj.weight f32 "
     "16x32\nmodel.layers.0.self_attn.o_proj.weight f32 32x32\n"
     "model.layers.0.input_layernorm.weight f32 32\nmodel.layers.0.post_attention_layernorm.weight f32 "
     "32\nlm_head.weight f32 50x32\n"
     "model.layers.0.self_attn.sinks f32 8\nmodel.layers.0.self_attn.q_proj.bias f32 "
     "16\nmodel.layers.0.self_attn.k_proj.bias f32 16\n"
     "model.layers.0.self_attn.v_proj.bias f32 16\nmodel.layers.0.self_attn.o_proj.bias f32 "
     "16\nmodel.layers.0.mlp.router.weight f32 2x32\n"
     "model.layers.0.mlp.router.bias f32 2\nmodel.layers.0.mlp.experts.down_proj f32 "
     "2x24x32\nmodel.layers.0.mlp.experts.down_proj_bias f32 2x32\n"
     "model.layers.0.mlp.experts.gate_up_proj f32 2x32x48\nmodel.layers.0.mlp.experts.gate_up_proj_bias f32 2x48\n"
     "!config.json {\"num_hidden_layers\": 1, \"num_attention_heads\": 8, \"num_key_value_heads\": 4, \"hidden_size\": "
     "32, \"intermediate_size\": 24, \"rms_norm_eps\": 1e-06, \"max_position_embeddings\": 131072, \"architectures\": "
     "[\"GptOssForCausalLM\"], \"num_local_experts\": 2, \"sliding_window\": 128}\n",
     "token_embd.weight:50x32q output_norm.weight:32?f32 blk.0.attn_q.weight:32x32q blk.0.attn_k.weight:16x32q "
     "blk.0.attn_v.weight:16x32q blk.0.attn_output.weight:32x32q blk.0.attn_norm.weight:32?f32 "
     "blk.0.ffn_norm.weight:32?f32 "
     "output.weight:50x32q blk.0.attn_sinks.weight:8?f32 blk.0.attn_q.bias:16?f32 blk.0.attn_k.bias:16?f32 "
     "blk.0.attn_v.bias:16?f32 blk.0.attn_output.bias:16?f32 blk.0.ffn_gate_inp.weight:2x32=f32 "
     "blk.0.ffn_gate_inp.bias:2=f32 "
     "blk.0.ffn_down_exps.weight:2x32x24q blk.0.ffn_down_exps.bias:2x32=f32 blk.0.ffn_gate_exps.weight:2x24x32q "
     "blk.0.ffn_up_exps.weight:2x24x32q "
     "blk.0.ffn_gate_exps.bias:2x24=f32 blk.0.ffn_up_exps.bias:2x24=f32"},
};

/* Writes each JSON block of the page to a file named by its id, so that "extends" finds it. */
static int write_blocks(void)
{
    FILE *file = fopen(DOCS "/families-on-paper.md", "rb");
    char *page = calloc(1, 1 << 20);
    int count = 0;
    assert_non_null(file);
    assert_true(fread(page, 1, (1 << 20) - 1, file) > 0);
    fclose(file);
    for (char *at = page; (at = strstr(at, "```json\n")); count++) {
        char *begin = at + 8, *end = strstr(begin, "```"), *id = strstr(begin, "\"id\": \""), name[64];
        assert_true(end && id && id < end);
        snprintf(name, sizeof name, "%.*s.json", (int)strcspn(id + 7, "\""), id + 7);
        scratch_write(name, begin, (size_t)(end - begin));
        at = end + 3;
    }
    free(page);
    return count;
}

static void families_do_what_the_page_says(void **state)
{
    (void)state;
    assert_int_equal(write_blocks(), COUNT_OF(families));
    for (size_t i = 0; i < COUNT_OF(families); i++) {
        static char text[MOST_TEXT];
        char name[64];
        ggx_arena arena;
        ggx_recipe *recipe;
        ggx_recipe_result result;
        ggx_error error;
        int32_t score;
        ggx_arena_init(&arena, 64 << 20);
        fake *f = fake_make(families[i].checkpoint);
        ggx_recipe_env env = fake_env(f, "gguf");
        snprintf(name, sizeof name, "%s.json", families[i].family);
        if (ggx_recipe_load(&arena, scratch_path(name), scratch_directory, &recipe, &error) != GGX_OK)
            fail_msg("%s", error.text);
        assert_int_equal(ggx_recipe_match(recipe, &env, &score, &error), GGX_OK);
        if (!score) fail_msg("%s does not know its model", families[i].family);
        if (ggx_recipe_apply(&arena, recipe, &env, &result, &error) != GGX_OK)
            fail_msg("%s: %s", families[i].family, error.text);
        fake_describe(&result, text, sizeof text);
        if (strcmp(text, families[i].outputs)) fail_msg("%s: %s", families[i].family, text);
        fake_free(f);
        ggx_arena_free(&arena);
    }
}

/* A page's family, its model spoiled in one way: the refusal names the tensor or key. */
static void a_model_with_a_fault_is_refused_by_its_name(void **state)
{
    (void)state;
    static const struct {
        const char *find, *replace, *error;
    } faults[] = {
        {"model.layers.1.self_attn.k_proj.weight", "model.layers.1.self_attn.kk_proj.weight",
         "model.layers.1.self_attn.k"},
        {"model.norm.weight f32 32\n", "", "no tensor 'model.norm.weight'"},
        {"model.norm.weight f32 32\n", "model.norm.weight f32 32\nmodel.norm.bias f32 32\n",
         "no rule for tensor 'model.norm.bias'"},
        {"model.embed_tokens.weight f32 50x32", "model.embed_tokens.weight f32 50x31",
         "has shape (50,31), recipe llama needs (?,32)"},
        {"\"rms_norm_eps\"", "\"no_eps\"", "'llama.attention.layer_norm_rms_epsilon' has no value"},
        {"\"num_key_value_heads\": 4", "\"num_key_value_heads\": 3", "8 heads cannot share 3 key/value heads"},
        {"\"num_key_value_heads\": 4", "\"num_key_value_heads\": 0", "8 is divided by zero"},
    };
    write_blocks();
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        ggx_arena arena;
        ggx_recipe *recipe;
        ggx_recipe_result result;
        ggx_error error;
        const char *model = families[0].checkpoint, *at = strstr(model, faults[i].find);
        char *spoiled = calloc(1, strlen(model) + 100);
        assert_non_null(at);
        sprintf(spoiled, "%.*s%s%s", (int)(at - model), model, faults[i].replace, at + strlen(faults[i].find));
        ggx_arena_init(&arena, 64 << 20);
        fake *f = fake_make(spoiled);
        ggx_recipe_env env = fake_env(f, "gguf");
        assert_int_equal(ggx_recipe_load(&arena, scratch_path("llama.json"), NULL, &recipe, &error), GGX_OK);
        assert_int_equal(ggx_recipe_apply(&arena, recipe, &env, &result, &error), GGX_E_MALFORMED);
        if (!strstr(error.text, faults[i].error) ||
            (!strstr(error.text, "llama.json:") && !strstr(error.text, "(recipe llama,")))
            fail_msg("\"%s\" lacks \"%s\"", error.text, faults[i].error);
        fake_free(f);
        ggx_arena_free(&arena);
        free(spoiled);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(families_do_what_the_page_says),
        cmocka_unit_test(a_model_with_a_fault_is_refused_by_its_name),
    };
    return cmocka_run_group_tests(tests, scratch_begin, scratch_end);
}
