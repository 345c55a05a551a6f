"""Encoders: any sentence-transformers model, prepared once as ONNX int8 and served by onnxruntime without torch."""

from models.encoders.load import BUNDLED, default_models_dir, load_encoder

__all__ = ["BUNDLED", "default_models_dir", "load_encoder"]
