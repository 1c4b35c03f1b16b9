"""The web page: CloudFront before a private bucket, and the API under `/api` of the same host: no CORS."""

from __future__ import annotations

from aws_cdk import Fn, RemovalPolicy
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from constructs import Construct

from cdk.constructs.kept import make_private_bucket
from cdk.nag import accept

_PAGE_FOR_EVERY_VIEW = """
function handler(event) {
    var request = event.request;
    if (!request.uri.split('/').pop().includes('.')) {
        request.uri = '/index.html';
    }
    return request;
}
"""
"""The page has an address for each view, and one file that serves them all."""


class Ui(Construct):
    """The distribution of the web page, whose bucket may be empty.

    Attributes:
        bucket: Of the page's files.
        distribution: What people open.
    """

    def __init__(self, scope: Construct, id: str, api: apigateway.IHttpApi) -> None:
        super().__init__(scope, id)
        self.bucket = make_private_bucket(self, "Bucket", RemovalPolicy.DESTROY)
        self.distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment="The web page of Alisio",
            default_root_object="index.html",
            default_behavior=self._page(),
            additional_behaviors={"/api/*": self._api(api)},
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            price_class=cloudfront.PriceClass.PRICE_CLASS_100,
        )
        self._explain()

    def _page(self) -> cloudfront.BehaviorOptions:
        function = cloudfront.Function(
            self,
            "PageForEveryView",
            code=cloudfront.FunctionCode.from_inline(_PAGE_FOR_EVERY_VIEW),
            runtime=cloudfront.FunctionRuntime.JS_2_0,
        )
        return cloudfront.BehaviorOptions(
            origin=origins.S3BucketOrigin.with_origin_access_control(self.bucket),
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
            response_headers_policy=cloudfront.ResponseHeadersPolicy.SECURITY_HEADERS,
            function_associations=[
                cloudfront.FunctionAssociation(
                    function=function, event_type=cloudfront.FunctionEventType.VIEWER_REQUEST
                )
            ],
        )

    def _api(self, api: apigateway.IHttpApi) -> cloudfront.BehaviorOptions:
        host = Fn.select(2, Fn.split("/", api.api_endpoint))
        return cloudfront.BehaviorOptions(
            origin=origins.HttpOrigin(host, protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY),
            allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
            cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
            origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
        )

    def _explain(self) -> None:
        accept(self.bucket, {"S1": "It holds the files of a page that everybody may have."})
        accept(
            self.distribution,
            {
                "CFR1": "Alisio is used from everywhere.",
                "CFR2": "The API has a throttle of its own; docs/aws.md says how a firewall is put before it.",
                "CFR3": "What is asked of the API is in its access log; the page itself holds nothing worth a log.",
                "CFR4": "With its own certificate, CloudFront chooses the oldest protocol; a domain changes that.",
            },
        )
