"""Django's settings in the tests."""

ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "web.urls"
SECRET_KEY = "test"
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "UNAUTHENTICATED_USER": None,
}
