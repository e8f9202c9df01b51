"""Delivered models as ONNX files, which other programs and languages run."""
